from whatchanged.report import MapPoint
from whatchanged.report.labels import ranked_leads
from whatchanged.report.poolmap import pool_map, thin


def test_rows_hold_every_category_and_stronger_ones_come_first(report) -> None:
    drawn = pool_map(report.points, ranked_leads(report), 1000)
    assert {row.category for row in drawn.rows} == {point.category for point in report.points}
    assert [row.median for row in drawn.rows] == sorted((row.median for row in drawn.rows), reverse=True)
    assert sum(len(row.dots) for row in drawn.rows) == drawn.shown == drawn.total == 200


def test_x_rises_with_the_divergence_and_stays_inside() -> None:
    points = [MapPoint(prompt=str(n), category="c", kl=10.0**-n, p_change=0, lead=None) for n in range(6)]
    xs = [dot.x for dot in pool_map(points, [], 10).rows[0].dots]
    assert xs == sorted(xs, reverse=True)
    assert min(xs) >= 2
    assert max(xs) <= 98


def test_zero_divergence_sits_at_the_left_end_and_alone_has_no_map() -> None:
    zero = MapPoint(prompt="z", category="c", kl=0.0, p_change=0, lead=None)
    one = MapPoint(prompt="o", category="c", kl=1.0, p_change=0, lead=None)
    assert pool_map([zero], [], 10) is None
    assert [dot.x for dot in pool_map([zero, one], [], 10).rows[0].dots] == [2, 98]


def test_thinning_keeps_the_strongest_and_the_order(make_report) -> None:
    points = make_report(points=3000).points
    kept = thin(points, 300)
    assert len(kept) == 300
    strongest = sorted(points, key=lambda p: -p.kl)[:100]
    assert {id(p) for p in strongest} <= {id(p) for p in kept}
    places = {id(p): n for n, p in enumerate(points)}
    assert [places[id(p)] for p in kept] == sorted(places[id(p)] for p in kept)


def test_many_categories_share_a_row_and_lose_no_point() -> None:
    points = [MapPoint(prompt="p", category=f"c{n % 40}", kl=1 + n, p_change=0, lead=None) for n in range(100)]
    drawn = pool_map(points, [], 1000)
    assert len(drawn.rows) == 24
    assert "17 smaller categories" in {row.category for row in drawn.rows}
    assert sum(row.prompts for row in drawn.rows) == 100


def test_points_carry_their_leads_colour_and_name(report) -> None:
    drawn = pool_map(report.points, ranked_leads(report), 1000)
    names = dict(drawn.legend)
    assert names["k0"] == "L1 Certainly! I am happy to help"
    dots = [dot for row in drawn.rows for dot in row.dots]
    assert all(("no lead" in dot.title) == (dot.colour == "kx") for dot in dots)
    assert all(dot.title.endswith(names[dot.colour]) for dot in dots if dot.colour != "kx")
