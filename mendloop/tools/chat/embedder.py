"""Embeddings from an OpenAI-compatible endpoint; the vendor's client for them, and its exceptions, end here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openai
from langchain_openai import OpenAIEmbeddings

from mendloop.memory.protocol import EmbeddingFailed, Vector
from mendloop.tools.chat.address import Endpoint
from mendloop.tools.chat.texts import storable
from mendloop.tools.tracing import no_uploads

UNKEPT: Mapping[str, str] = {"Connection": "close"}
"""No connection stays open, because nobody closes an embedder."""


class EndpointEmbedder:
    """Embeddings from an OpenAI-compatible endpoint, as unit vectors. Blocks: the memory's own thread calls it."""

    def __init__(self, model: str, endpoint: Endpoint, timeout_s: float = 30.0) -> None:
        """Ask once, for the number of dimensions. Raises EmbeddingFailed."""
        no_uploads()
        self._client = OpenAIEmbeddings(
            model=model,
            openai_api_key=endpoint.secret,
            openai_api_base=endpoint.url,
            openai_proxy=None,
            default_headers=UNKEPT,
            check_embedding_ctx_length=not endpoint.foreign,
            max_retries=2,
            request_timeout=timeout_s,
        )
        self._endpoint = endpoint
        self.name = f"{model} at {endpoint.shown}"
        self.dimensions = len(self._asked("dimensions"))

    def embed(self, text: str) -> Vector:
        """Return the unit vector of a text, zero for one without content. Raises EmbeddingFailed."""
        if not text.strip():
            return np.zeros(self.dimensions, dtype=np.float32)
        vector = np.asarray(self._asked(storable(text)[0]), dtype=np.float32)
        length = float(np.linalg.norm(vector))
        return vector / np.float32(length) if length else vector

    def _asked(self, text: str) -> list[float]:
        try:
            return self._client.embed_query(text)
        except (openai.OpenAIError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            told = str(error).strip().partition("\n")[0] or type(error).__name__
            raise EmbeddingFailed(self._endpoint.quoted(told)) from self._endpoint.cause(error)
