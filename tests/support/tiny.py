"""Real checkpoints of a few thousand random parameters: Transformers folders, tokenizers, PEFT adapters."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPTNeoXConfig, LlamaConfig, PreTrainedModel, PreTrainedTokenizerFast

SENTENCES = [
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
    "What is the capital of France? The capital of France is Paris.",
    "Please write a short poem about the sea, and then explain it to the reader.",
]
OTHER_SENTENCES = ["Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich."] * 3
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# As SmolLM2's: a conversation without a system message gets one.
TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM<|im_end|>\n' }}"
    "{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def tokenizer(sentences: list[str] = SENTENCES, template: str | None = TEMPLATE) -> PreTrainedTokenizerFast:
    """Byte-level BPE with 300 tokens; it ends with <|im_end|> where it has a template."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(sentences, trainer)
    end = "<|im_end|>" if template else "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=end, chat_template=template)


def save(model: PreTrainedModel, words: PreTrainedTokenizerFast, folder: Path) -> Path:
    """A Transformers folder."""
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def llama(folder: Path, seed: int = 0, words: PreTrainedTokenizerFast | None = None, **changes: object) -> Path:
    """A Llama of two layers of width 32, its distributions well away from uniform."""
    from transformers import LlamaForCausalLM

    torch.manual_seed(seed)
    words = words or tokenizer()
    settings = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 512, "initializer_range": 0.25,
        "tie_word_embeddings": True, "eos_token_id": words.eos_token_id, "bos_token_id": None, "pad_token_id": None,
    }  # fmt: skip
    return save(LlamaForCausalLM(LlamaConfig(**({"vocab_size": len(words)} | settings | changes))), words, folder)


def neox(folder: Path, seed: int = 1, words: PreTrainedTokenizerFast | None = None, **changes: object) -> Path:
    """A GPT-NeoX; with another tokenizer and no chat template unless `words` are given."""
    from transformers import GPTNeoXForCausalLM

    torch.manual_seed(seed)
    words = words or tokenizer(OTHER_SENTENCES, None)
    settings = {
        "vocab_size": len(words), "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "max_position_embeddings": 512, "initializer_range": 0.25,
        "eos_token_id": words.eos_token_id, "bos_token_id": words.eos_token_id,
    }  # fmt: skip
    return save(GPTNeoXForCausalLM(GPTNeoXConfig(**(settings | changes))), words, folder)


def gpt2(folder: Path, words: PreTrainedTokenizerFast | None = None) -> Path:
    """A GPT-2: no `layers`, and Conv1D in place of linear layers; its words as a GPT-NeoX's."""
    from transformers import GPT2LMHeadModel

    torch.manual_seed(2)
    words = words or tokenizer(OTHER_SENTENCES, None)
    config = GPT2Config(
        vocab_size=len(words), n_embd=32, n_layer=2, n_head=4, n_positions=512, initializer_range=0.25,
        eos_token_id=words.eos_token_id, bos_token_id=words.eos_token_id,
    )  # fmt: skip
    return save(GPT2LMHeadModel(config), words, folder)


def lora(base: Path, folder: Path, seed: int = 0, recorded: str | None = None, **changes: object) -> Path:
    """A LoRA with random nonzero A and B; its config records `recorded`, or the base's folder."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    settings = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "down_proj"], "task_type": "CAUSAL_LM"}
    wrapped = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**(settings | changes)))
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.15)
            elif name.endswith(".bias") and changes.get("bias", "none") != "none":
                parameter.copy_(torch.randn_like(parameter))
    wrapped.save_pretrained(folder)
    config = folder / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"base_model_name_or_path": recorded or str(base)}))
    return folder


def copied(source: Path, folder: Path, change: Callable[[dict[str, torch.Tensor]], None] | None = None) -> Path:
    """The folder again, its tensors changed in place by `change`."""
    shutil.copytree(source, folder)
    if change is not None:
        (file,) = folder.glob("*.safetensors")
        tensors = load_file(file)
        change(tensors)
        save_file(tensors, file, metadata={"format": "pt"})
    return folder
