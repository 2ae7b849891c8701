"""A training that submits captions until it is killed: python -m tests.reward_designers.intrinsic.trainer URL STORE."""

from __future__ import annotations

import sys
import time

from reward_designers.intrinsic import Annotation, LLMAnnotator
from tests.reward_designers.intrinsic.test_faults import CAPTIONS, GOAL

if __name__ == "__main__":
    annotator = LLMAnnotator("tiny", sys.argv[1], batch=4, concurrency=2, timeout=10, retries=2)
    annotation = Annotation(annotator, GOAL, store=sys.argv[2])
    while True:
        annotation.submit(CAPTIONS, range(1, len(CAPTIONS) + 1))
        annotation.collect()
        time.sleep(0.01)
