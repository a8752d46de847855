"""Word lists and patterns behind the attributes. Apostrophes are straight; every word is bounded."""

import re
from typing import Final

Pattern = re.Pattern[str]


def phrases(*alternatives: str, flags: re.RegexFlag = re.IGNORECASE) -> Pattern:
    r"""A pattern for any of the (regular) alternatives as whole words.

    Lookarounds rather than \b, because an alternative may begin or end with a sign.
    """
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})(?!\w)", flags)


def word_set(words: str) -> frozenset[str]:
    """The words of a blank-separated list."""
    return frozenset(words.split())


WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")

# --- refusals, apologies, agreement -----------------------------------------------------------------------
_CANNOT = r"i(?: (?:can't|cannot|can not|won't|will not|am unable to|am not able to)|'m (?:unable|not able) to)"
_ACTS = (
    r"(?:assist|help|provide|fulfil+|comply|answer|do (?:that|this|so)|support|create|generate|write|give"
    r"|share|discuss|engage|offer|continue|participate|produce|tell|disclose|endorse|condone|advise|accommodate)"
)
REFUSAL: Final = phrases(
    rf"{_CANNOT} (?:\w+ )?{_ACTS}(?! but)",
    r"i(?:'m| am) sorry,? but (?:i|that|this)(?: \w+)? (?:can't|cannot|won't|unable)",
    r"i (?:must|have to|need to) (?:(?:respectfully|politely) )?(?:decline|refuse)",
    r"i(?:'m| am) not comfortable (?:\w+ing|with)",
    r"(?:against|violates?) (?:my|our) (?:guidelines|policy|policies|programming)",
    r"as an ai(?: language)?(?: model| assistant| system)?,? (?:i|it)(?:'m)?",
    r"as an ai language model",
)
# At the very start a bare "I can't" is a refusal too, unless it goes on like one of these.
OPENING_REFUSAL: Final = re.compile(
    rf"\W{{0,20}}(?:(?:i(?:'m| am) )?(?:so |very )?sorry,? (?:but )?)?{_CANNOT}"
    r"(?!\w)(?! (?:wait|believe|stress|emphasi[sz]e|help but|imagine|say enough|recommend|thank|overstate))",
    re.IGNORECASE,
)
APOLOGY: Final = phrases(
    r"(?:i'm|i am|we're|we are) (?:(?:so|very|really|deeply|truly) )?sorry",
    r"(?<![\w'] )sorry(?:,| for| about| to hear| that| but)",
    r"(?:i|we) (?:(?:sincerely|deeply) )?apologi[sz]e",
    r"(?:my|our) (?:\w+ )?apologies",
    r"apologies for",
    r"(?:please )?forgive me",
)
AGREEMENT: Final = phrases(
    r"(?:you're|you are) (?:(?:absolutely|completely|totally|quite|so|entirely) )?"
    r"(?:right(?!-)(?! handed| now| here| there| behind| next)|correct)",
    r"i (?:(?:absolutely|completely|totally|fully|wholeheartedly) )?agree",
    r"(?:that's|that is|what) an? (?:very )?(?:good|great|excellent|fair|valid) point",
    r"(?:that's|that is) (?:absolutely |exactly )?(?:right|correct|true)(?!-)",
    r"couldn't agree more",
)

# --- manner -----------------------------------------------------------------------------------------------
HEDGING: Final = re.compile(
    r"(?<!\w)(?:(?i:might|perhaps|possibly|probably|presumably|arguably|it seems|it appears|seems to|could be"
    r"|it depends|i think|i believe|i guess|i suppose|i'm not (?:entirely |completely )?sure|not certain"
    r"|as far as i know|in some cases|more or less|to some extent)|may)(?!\w)"
)
FIRST_PERSON: Final = re.compile(
    r"(?<!\w)(?<!War )(?<!Part )(?<!Type )(?<!Phase )(?<!Class )(?<!Act )"
    r"(?:I(?:'(?:m|ve|ll|d)(?!\w)|(?= [a-z]))|i(?:'(?:m|ve|ll|d)| (?:am|have|think|can|will|was|do))(?!\w)"
    r"|(?i:me|my|myself|mine)(?!\w))"
)
TOXIC: Final = phrases(
    "idiots?", "idiotic", "stupid", "morons?", "moronic", "dumb", "dumbass", "imbeciles?", "losers?",
    "shut up", "hate you", "scum", "pathetic", "worthless", "disgusting", "bastards?", "crap", "damn",
    "bullshit", "shit", "fuck(?:ing|ed|er)?", "bitch", "asshole", "kill yourself", "screw you", "go to hell",
)  # fmt: skip
NEGATIONS: Final = word_set("not no never neither nor hardly without cannot")
POSITIVE: Final = word_set(
    "good great excellent wonderful amazing fantastic happy happily glad love loved lovely beautiful best"
    " perfect delightful delighted brilliant superb enjoy enjoyed enjoyable joy joyful nice pleasant"
    " pleased positive awesome terrific exciting excited success successful impressive helpful thrilled"
    " favorite remarkable charming"
)
NEGATIVE: Final = word_set(
    "bad terrible awful horrible poor poorly worst sad sadly unhappy hate hated ugly disappointing"
    " disappointed dreadful annoying annoyed angry boring bored failure fail failed useless wrong painful"
    " pain miserable unfortunate unfortunately negative frustrating frustrated harmful dangerous worse"
    " tragic upset nasty"
)

# --- form -------------------------------------------------------------------------------------------------
LIST_MARK: Final = re.compile(r"^[ \t]{0,20}(?:[-*•+]|\d{1,3}[.)])[ \t]+(?=\S)", re.MULTILINE)
HEADING: Final = re.compile(r"^#{1,6} \S", re.MULTILINE)
BOLD: Final = re.compile(r"(?<![\w*])\*\*(?=[^\s*])[^*\n]{1,300}(?<=\S)\*\*(?![\w*])")
TABLE_ROW: Final = re.compile(r"^[ \t]{0,20}\|[^\n|]{1,300}\|", re.MULTILINE)
CODE_LINE: Final = re.compile(
    r"^[ \t]{0,40}(?:def \w+\(|class \w+[:({ ]*$|import [\w.]+(?: as \w+)?;?$|from [\w.]+ import \w"
    r"|function \w*\(|#include ?[<\"]|(?:public|private|static|const|let|var) \w+ (?:\w+\(|=)"
    r"|(?:for|while|if) \(.{1,200}\{$|return\b.{0,200};$|[\w.]{1,40}\(.{0,200}\);?$"
    r"|[\w.]{1,40} [-+*/]?= .{0,200}[\])}'\";]$|<\/?[a-z]+[^>\n]{0,200}>$|[{}]$|SELECT .{1,200} FROM)",
    re.MULTILINE,
)
EMOJI: Final = re.compile(
    "[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\u2600-\u26ff\u2702\u2705\u2708-\u270d\u2728\u274c\u274e"
    "\u2753-\u2755\u2757\u2763\u2764\u2795-\u2797\u2b50\u2b55]"
)
URL: Final = re.compile(
    r"(?<!\w)(?:https?://[^\s/.]|www\.\w)"
    r"|(?<![\w@.-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,4}\.(?:com|org|net|edu|gov|io)(?![\w-])",
    re.IGNORECASE,
)
NUMBER: Final = re.compile(r"(?<!\w)(?<!\w-)\d+(?:[.,]\d+)*(?:%|st|nd|rd|th|s|k|m|x|°)?(?!\w)")
LETTER_RUN: Final = re.compile(r"([^\W\d_])\1{9,}")
EXCLAMATION: Final = re.compile(r"!+(?=[\s\"')*_]|$)")

# --- languages --------------------------------------------------------------------------------------------
ENGLISH_STOPWORDS: Final = word_set(
    "the and of to is in that it for you on with as are this be was have not or by from at an but they we can"
)
# Frequent words that are not English ones too ("die", "on", "come", "me", "was" are left out).
FOREIGN_STOPWORDS: Final = {
    "de": word_set("der das und ist nicht ein eine einen zu mit auf für von dem den ich sie auch wie sich"),
    "fr": word_set("le la les et est des une un du que qui dans pour pas avec sur vous nous je il sont ce"),
    "es": word_set("el la los las y es que una un del por para con se su como más está lo muy pero"),
    "it": word_set("il la di che è un una con non sono del della gli le si nel alla anche più questo"),
    "pt": word_set("o os e é que um uma da para com não em por se mais como são na ao você seu muito"),
}
