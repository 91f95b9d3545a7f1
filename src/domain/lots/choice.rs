//! Which lots a close or a transfer takes: by its own instruction when that can be followed, else by the policy's method.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::lot::{Chosen, Lot};
use super::method::{Instruction, InvalidInstruction, ReliefMethod};
use super::open_lots::{Deal, OpenLots, Turn};
use super::relief::{Closing, OutOfRange};
use crate::domain::key::TradeId;
use crate::domain::lots::ledger::Ledger;

/// Lots that are listed go first, one after the other; then whatever the ranking has next.
pub(super) struct Choice<'a> {
    method: ReliefMethod,
    listed: std::slice::Iter<'a, (TradeId, Decimal)>,
    pub refused: Option<Box<InvalidInstruction>>,
}

impl<'a, L: Ledger, I: Iterator<Item = &'a Lot>> OpenLots<'a, L, I> {
    /// Relieves lots until the closing has what it needs or none is open.
    pub(super) fn close_against(
        &mut self,
        deal: Deal<'a>,
        closing: &mut Closing,
    ) -> Result<Option<Box<InvalidInstruction>>, OutOfRange> {
        let units = closing.left.abs().min(self.quantity().abs());
        let mut choice = self.choose(deal.facts.instruction(), deal.date, units);
        match choice.method {
            ReliefMethod::Average => self.pool()?,
            _ => self.dissolve()?,
        }
        self.rank_for(&choice);
        while closing.closes(self.quantity())
            && let Some(turn) = self.choose_next(&mut choice)
        {
            self.relieve(closing, turn)?;
        }
        Ok(choice.refused)
    }

    /// Decides how so many units are chosen.
    pub(super) fn choose(&self, instruction: Option<&'a Instruction>, date: NaiveDate, units: Decimal) -> Choice<'a> {
        let mut choice = Choice { method: self.ledger.policy().method_on(date), listed: [].iter(), refused: None };
        match instruction {
            None => {}
            Some(Instruction::Method(method)) => choice.method = *method,
            Some(Instruction::Lots(lots)) => match self.check(lots, units) {
                Ok(()) => {
                    choice.listed = lots.iter();
                    choice.method = ReliefMethod::Fifo; // only its costing counts: the list is all there is to take
                }
                Err(refused) => choice.refused = Some(Box::new(refused)),
            },
        }
        choice
    }

    /// Brings the open lots into the order of the choice.
    pub(super) fn rank_for(&mut self, choice: &Choice<'a>) {
        self.rank_by(choice.method.ranking(self.quantity().is_sign_positive()));
    }

    /// The next lot.
    pub(super) fn choose_next(&mut self, choice: &mut Choice<'a>) -> Option<Turn<'a>> {
        match choice.listed.next() {
            Some((lot, quantity)) => Some(Turn { lot, most: Some(*quantity), chosen: Chosen::Listed }),
            None => self.next().map(|lot| Turn { lot, most: None, chosen: Chosen::By(choice.method) }),
        }
    }

    fn check(&self, lots: &[(TradeId, Decimal)], units: Decimal) -> Result<(), InvalidInstruction> {
        let mut seen = BTreeSet::new();
        let mut listed = Decimal::ZERO;
        for (id, quantity) in lots {
            if *quantity <= Decimal::ZERO || !seen.insert(id) {
                return Err(InvalidInstruction::Quantity(id.clone()));
            }
            if self.open_of(id).abs() < *quantity {
                return Err(InvalidInstruction::NotOpen(id.clone()));
            }
            listed += quantity;
        }
        if listed == units { Ok(()) } else { Err(InvalidInstruction::Sum { listed, closed: units }) }
    }
}
