"""The roles played by language models: prompts as templates, answers as sections that are parsed tolerantly."""
