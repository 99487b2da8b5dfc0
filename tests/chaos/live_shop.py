"""A shop whose events are of today, behind the whole service: a guard elsewhere goes by its own clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from slo.clock import format_time, utc_now
from slo.serving.publishing import make_snapshot
from slo.serving.snapshot import Snapshot
from slo.source.frame import FrameSource
from slo.spec import load_files
from slo.window import minute_of
from tests.http.shop import Shop, running_shop

WEEK = "cloudshop/week"
SPENT = "cloudshop/exhausted"
PER_MINUTE = 120
"""Events, two each second; none is bad, but for the exhausted objective half of them."""
_SLI = "sli: {ratio: {bad: bad, total: all}}"
_FILE = f"""\
service: cloudshop
labels: {{team: shop}}
objectives:
  - {{name: week, target: 90%, window: 1d, {_SLI}}}
  - {{name: exhausted, target: 90%, window: 1d, {_SLI}}}
gates:
  - {{name: open, objectives: [cloudshop/week], min_budget_remaining: 0%, max_data_age: 10m, freeze: [FREEZE]}}
  - {{name: spent, objectives: [cloudshop/exhausted], min_budget_remaining: 10%, max_data_age: 10m}}
  - name: ruled
    objectives: [cloudshop/week]
    max_data_age: 10m
    chaos:
      faults: [pod-delete]
      namespaces: [cloudshop-prod]
      labels: [app=frontend]
      service_accounts: [litmus-admin]
      max_duration: 5m
"""


class LiveShop:
    """The service and what it has counted up to this minute."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self.shop, self.url = shop, shop.url
        self._file = folder / "live.yaml"
        self._bad, self._is_frozen, self._cycle = 0, False, 0
        self._publish()

    def hurt(self, bad: int) -> None:
        """So many more bad events in the newest minute, as the next cycle tells."""
        self._bad += bad
        self._publish()

    def freeze(self) -> None:
        """The gate `open` is closed from now on."""
        self._is_frozen = True
        self._publish()

    def _publish(self) -> None:
        now = utc_now()
        self._cycle += 1
        start, end = (format_time(now + timedelta(hours=hours)) for hours in (-1, 1))
        stretch = f"{{start: {start}, end: {end}, reason: Sale}}"
        self._file.write_text(_FILE.replace("FREEZE", stretch if self._is_frozen else ""), encoding="utf-8")
        self.shop.clock.at = now
        later = now + timedelta(minutes=1)
        content = make_snapshot(
            load_files([self._file]), self._source(now), at=now, cycle=self._cycle, made_at=now, next_cycle_at=later
        )
        self.shop.call(self.shop.service.publish(Snapshot.open(content)))

    def _source(self, now: datetime) -> FrameSource:
        minutes = np.arange(minute_of(now) - 1439, minute_of(now) + 1)
        bad = np.zeros(minutes.size, int)
        bad[-1] = self._bad
        tables = []
        for slo, of_slo in ((WEEK, bad), (SPENT, np.full(minutes.size, PER_MINUTE // 2))):
            times = pd.to_datetime(minutes * 60, unit="s", utc=True)
            total = PER_MINUTE + of_slo
            tables.append(pd.DataFrame({"time": times, "slo": slo, "bad": of_slo, "total": total}))
        return FrameSource(pd.concat(tables, ignore_index=True))


@contextmanager
def live_shop(folder: Path, *, with_tokens: bool = False, anonymous: str = "admin") -> Iterator[LiveShop]:
    with running_shop(folder, with_tokens=with_tokens, anonymous=anonymous, published=False) as shop:
        yield LiveShop(shop, folder)
