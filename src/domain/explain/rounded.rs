//! A pad that rounds money as a contract says, whatever a formula has heard of it.

use rust_decimal::Decimal;

use super::pad::Pad;
use crate::domain::explain::{Fact, Operation};
use crate::domain::money::{Money, RoundingPolicy, Unit};
use crate::domain::number::wide::Wide;

/// Another pad, whose amounts are rounded in the mode that the policy has for their currency.
#[derive(Debug)]
pub struct Rounded<'r, P> {
    pub inner: P,
    pub policy: &'r RoundingPolicy,
}

impl<P> Rounded<'_, P> {
    fn unit(&self, to: impl Into<Unit>) -> Unit {
        self.policy.unit(to.into().currency)
    }
}

impl<P: Pad> Pad for Rounded<'_, P> {
    const KEEPS: bool = P::KEEPS;

    type Number = P::Number;
    type Factor = P::Factor;

    fn given(&mut self, fact: impl FnOnce() -> Fact, value: Decimal) -> P::Number {
        self.inner.given(fact, value)
    }

    fn value(&self, number: P::Number) -> Decimal {
        self.inner.value(number)
    }

    #[inline(always)] // as the silent one
    fn step(
        &mut self,
        name: &'static str,
        operation: Operation,
        left: P::Number,
        right: P::Number,
    ) -> Option<P::Number> {
        self.inner.step(name, operation, left, right)
    }

    #[inline(always)]
    fn amount(&mut self, name: &'static str, left: P::Number, right: P::Number, to: impl Into<Unit>) -> Option<Money> {
        let unit = self.unit(to);
        self.inner.amount(name, left, right, unit)
    }

    fn amount_per(
        &mut self,
        name: &'static str,
        left: P::Number,
        right: P::Number,
        divisor: P::Number,
        to: impl Into<Unit>,
    ) -> Option<Money> {
        let unit = self.unit(to);
        self.inner.amount_per(name, left, right, divisor, unit)
    }

    fn money(&mut self, name: &'static str, number: P::Number, to: impl Into<Unit>) -> Option<Money> {
        let unit = self.unit(to);
        self.inner.money(name, number, unit)
    }

    fn turn(&mut self, name: &'static str, amount: Money) -> Option<Money> {
        self.inner.turn(name, amount)
    }

    fn round(&mut self, name: &'static str, number: P::Number, decimals: u32) -> P::Number {
        self.inner.round(name, number, decimals)
    }

    fn factor(&mut self, fact: impl FnOnce() -> Fact, value: Wide) -> P::Factor {
        self.inner.factor(fact, value)
    }

    fn compound(
        &mut self,
        name: &'static str,
        factor: P::Factor,
        rate: P::Number,
        days: i64,
        basis: i64,
    ) -> Option<P::Factor> {
        self.inner.compound(name, factor, rate, days, basis)
    }

    fn growth(&mut self, name: &'static str, end: P::Factor, start: P::Factor, year_days: i64) -> Option<P::Number> {
        self.inner.growth(name, end, start, year_days)
    }
}
