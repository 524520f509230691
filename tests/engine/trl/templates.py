"""Chat templates that write an earlier answer otherwise than the last, as models that think do."""

THINKING = (
    "{%- for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' }}"
    "{%- if message.role == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ message.content + '<|im_end|>\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""The last answer begins with an empty thought, earlier ones have none (as Qwen3's, 2026-11)."""

CHANNELS = (
    "{%- for message in messages -%}"
    "<|im_start|>{{ message.role }}"
    "{%- if message.role == 'assistant' %}:final{% endif -%}"
    ">{{ message.content }}"
    "{%- if message.role == 'assistant' and loop.last %}<|endoftext|>{% else %}<|im_end|>{% endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt %}<|im_start|>assistant{% endif -%}"
)
"""The last answer ends with another token than earlier ones, and names its channel (as gpt-oss', 2026-11)."""
