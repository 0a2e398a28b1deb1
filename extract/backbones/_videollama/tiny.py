"""A random VideoLLaMA3 of a hundred thousand weights, saved in the library's own format."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2Config,
    VideoLlama3Config,
    VideoLlama3ForConditionalGeneration,
    VideoLlama3VideoProcessor,
)
from transformers.models.video_llama_3.configuration_video_llama_3 import VideoLlama3VisionConfig

from extract.network.backbone import seeded

IMAGE, VIDEO, END = "<|image_pad|>", "<|video_pad|>", "<|endoftext|>"


def save_tiny(folder: Path, seed: int) -> None:
    """Save a network, its tokenizer and its processor; weights depend on the seed alone."""
    tokenizer = byte_tokenizer()
    tokenizer.save_pretrained(folder)
    image, video = tokenizer.convert_tokens_to_ids([IMAGE, VIDEO])
    config = VideoLlama3Config(
        vision_config=VideoLlama3VisionConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            patch_size=4,
        ),
        text_config=Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=32_768,
        ),
        image_token_id=image,
        video_token_id=video,
    )
    seeded(seed, lambda: VideoLlama3ForConditionalGeneration(config)).save_pretrained(folder)
    sizes = {"shortest_edge": 16 * 16, "longest_edge": 8 * 8 * 4096}
    VideoLlama3VideoProcessor(size=sizes, patch_size=4, merge_size=2).save_pretrained(folder)


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer whose words are single bytes."""
    letters = {letter: n for n, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=END, eos_token=END)
    fast.add_special_tokens({"additional_special_tokens": [IMAGE, VIDEO]})
    return fast
