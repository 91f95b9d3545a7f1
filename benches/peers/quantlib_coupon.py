#!/usr/bin/env python3
"""Times QuantLib's compounded overnight coupon from Python, for `benches/kernel` to be compared with on the same machine.

Needs `pip install QuantLib==1.44`. Two ways are timed: from the terms to the amount, as for a lot slice with dates of its own; and the amount
of a coupon that is there already, calculated again because its pricer is set again (without that it would only repeat its last result).
Prints the conditions and two lines for each length, or with --json one object.
"""

import argparse
import json
import platform
import time

import QuantLib as ql

START = ql.Date(4, 1, 2021)
LENGTHS = [30, 365]


def overnight_index():
    """SOFR with a fixing for each of its business days over the longest period, around 4.3 %."""
    index = ql.Sofr()
    index.clearFixings()
    calendar, day = index.fixingCalendar(), START - 30
    while day < START + max(LENGTHS) + 30:
        if calendar.isBusinessDay(day):
            index.addFixing(day, 0.0430 + day.dayOfMonth() * 0.0001)
        day += 1
    return index


def coupon(index, days):
    """Lookback of two business days, spread of 50 basis points outside, ACT/360."""
    start, end = START, START + days
    return ql.OvernightIndexedCoupon(
        end, 10_000_000.0, start, end, index, 1.0, 0.0050, ql.Date(), ql.Date(), ql.Actual360(), False,
        ql.RateAveraging.Compound, 2, 0, False,
    )


def per_second(calculate, seconds):
    """Calls a second."""
    calls, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(100):
            calculate()
        calls += 100
    return calls / (time.perf_counter() - began)


def measure(index, days, seconds):
    built, pricer = coupon(index, days), ql.CompoundingOvernightIndexedCouponPricer()

    def again():
        built.setPricer(pricer)
        return built.amount()

    return {
        "from terms": per_second(lambda: coupon(index, days).amount(), seconds),
        "again": per_second(again, seconds),
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=float, default=3.0, help="how long each figure is timed")
    arguments.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    asked = arguments.parse_args()

    ql.Settings.instance().evaluationDate = START + max(LENGTHS) + 60
    index = overnight_index()
    conditions = f"QuantLib {ql.__version__}, Python {platform.python_version()}, one thread, {platform.machine()}"
    measured = {
        f"{days} days {way}": rate
        for days in LENGTHS
        for way, rate in measure(index, days, asked.seconds).items()
    }
    if asked.json:
        rates = {f"coupons_per_second_{name.replace(' ', '_')}": round(rate) for name, rate in measured.items()}
        print(json.dumps({"scenario": "quantlib compounded coupon", "conditions": conditions, **rates}))
        return
    print(conditions)
    for name, rate in measured.items():
        print(f"compounded over {name:20} {rate:10.0f} coupons/s")


if __name__ == "__main__":
    main()
