"""All benchmarks, or those named: `python -m benchmarks [NAME ...]`."""

import importlib
import sys
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))

for name in sys.argv[1:] or NAMES:
    print(f"\n{name}\n{'-' * len(name)}")
    importlib.import_module(f"benchmarks.{name}").main()
