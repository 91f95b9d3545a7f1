//! Payment netting: what is due on one date in one currency under one contract or agreement is paid as one amount.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::status::{Stage, Status};
use crate::domain::flows::id::{FlowId, first_128_bits};
use crate::domain::key::{ContractId, ID_LENGTH_MAX};
use crate::domain::money::{Currency, Money};
use crate::domain::names::name;

name! {
    /// Id of a master agreement under which payments of several contracts are netted.
    AgreementId, "agreementId", ID_LENGTH_MAX
}

/// What nets: payments of one contract only, or of all contracts under an agreement.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NettingUnit {
    Contract(ContractId),
    Agreement(AgreementId),
}

/// Payments that become one: never across units, dates or currencies.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NettingSet {
    pub unit: NettingUnit,
    pub payment_date: NaiveDate,
    pub currency: Currency,
}

/// A flow that may join a netting set.
#[derive(Clone, PartialEq, Debug)]
pub struct Payable {
    pub flow: FlowId,
    pub unit: NettingUnit,
    pub payment_date: NaiveDate,
    pub amount: Money,
    pub status: Status,
}

/// What is paid instead of its members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetFlow {
    pub id: FlowId,
    pub set: NettingSet,
    /// The sum of the members; 0 is a result: nothing is paid, and the members are.
    pub amount: Money,
    /// Ascending by id.
    pub members: Vec<FlowId>,
}

/// Why payments cannot be netted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotNetted {
    /// The same flow twice with different content.
    Contradiction(FlowId),
    OutOfRange(NettingSet),
}

/// Nets all realised payables; others stay out. Neither their order nor repetition changes anything.
pub fn net(payables: &[Payable]) -> Result<Vec<NetFlow>, NotNetted> {
    let mut by_id: BTreeMap<FlowId, &Payable> = BTreeMap::new();
    for payable in payables {
        if by_id.insert(payable.flow, payable).is_some_and(|before| before != payable) {
            return Err(NotNetted::Contradiction(payable.flow));
        }
    }
    let mut sets: BTreeMap<NettingSet, NetFlow> = BTreeMap::new();
    for payable in by_id.into_values().filter(|payable| payable.status == Status::Open(Stage::Realised)) {
        let set = payable.set();
        let net = sets.entry(set.clone()).or_insert_with(|| NetFlow::empty(set.clone()));
        net.amount = net.amount.checked_add(payable.amount).ok_or(NotNetted::OutOfRange(set))?;
        net.members.push(payable.flow);
    }
    Ok(sets.into_values().collect())
}

impl Payable {
    fn set(&self) -> NettingSet {
        NettingSet { unit: self.unit.clone(), payment_date: self.payment_date, currency: self.amount.currency }
    }
}

impl NetFlow {
    fn empty(set: NettingSet) -> NetFlow {
        NetFlow { id: set.flow_id(), amount: Money::zero(set.currency), set, members: Vec::new() }
    }
}

impl NettingSet {
    /// SHA-256 over `bookflow.net.1`, kind and id of the unit, payment date and currency, each preceded by its length in 4 bytes, big
    /// endian. Members are not in it: a net flow that gains one is a new version of the same flow.
    pub fn flow_id(&self) -> FlowId {
        let (kind, unit) = match &self.unit {
            NettingUnit::Contract(id) => ("contract", id.as_str()),
            NettingUnit::Agreement(id) => ("agreement", id.as_str()),
        };
        let mut hash = Sha256::new();
        for field in ["bookflow.net.1", kind, unit, &self.payment_date.to_string(), self.currency.code()] {
            hash.update((field.len() as u32).to_be_bytes());
            hash.update(field);
        }
        FlowId(first_128_bits(hash))
    }
}

impl fmt::Display for NotNetted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotNetted::Contradiction(flow) => {
                write!(f, "flow {flow} comes twice with different content; send one version")
            }
            NotNetted::OutOfRange(set) => {
                write!(f, "the payments of {} in {} do not fit 64 bits of minor units", set.payment_date, set.currency)
            }
        }
    }
}

impl std::error::Error for NotNetted {}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(id: &str) -> NettingUnit {
        NettingUnit::Contract(ContractId::new(id).expect("a name"))
    }

    fn payable(flow: u128, unit: &NettingUnit, day: u32, minor: i64, currency: &str) -> Payable {
        Payable {
            flow: FlowId(flow),
            unit: unit.clone(),
            payment_date: NaiveDate::from_ymd_opt(2025, 5, day).expect("a day of May"),
            amount: Money { minor, currency: Currency::new(currency).expect("a currency in use") },
            status: Status::Open(Stage::Realised),
        }
    }

    fn amounts(payables: &[Payable]) -> Vec<(i64, Vec<u128>)> {
        let flows = net(payables).expect("they can be netted");
        flows.into_iter().map(|net| (net.amount.minor, net.members.iter().map(|flow| flow.0).collect())).collect()
    }

    #[test]
    fn one_unit_one_date_one_currency_is_one_payment_with_its_members() {
        let (one, other) = (contract("C1"), contract("C2"));
        let payables = [
            payable(1, &one, 2, 2_840_000, "USD"),
            payable(2, &one, 2, -215_384, "USD"),
            payable(3, &one, 2, 500, "EUR"),
            payable(4, &one, 5, 700, "USD"),
            payable(5, &other, 2, 900, "USD"),
        ];
        let expected = [(500, vec![3]), (2_624_616, vec![1, 2]), (700, vec![4]), (900, vec![5])];
        assert_eq!(amounts(&payables), expected);
    }

    #[test]
    fn an_agreement_nets_over_its_contracts() {
        let agreement = NettingUnit::Agreement(AgreementId::new("ISDA-1").expect("a name"));
        assert_eq!(
            amounts(&[payable(1, &agreement, 2, 5, "USD"), payable(2, &agreement, 2, -5, "USD")]),
            [(0, vec![1, 2])]
        );
    }

    #[test]
    fn order_and_repetition_change_nothing() {
        let one = contract("C1");
        let (first, second) = (payable(1, &one, 2, 5, "USD"), payable(2, &one, 2, 7, "USD"));
        let expected = net(&[first.clone(), second.clone()]);
        assert_eq!(net(&[second.clone(), first.clone(), second]), expected);
    }

    #[test]
    fn only_what_is_realised_is_paid() {
        let one = contract("C1");
        let accrued = Payable { status: Status::Open(Stage::Accrued), ..payable(1, &one, 2, 5, "USD") };
        let settled = Payable { status: Status::Settled, ..payable(2, &one, 2, 5, "USD") };
        assert_eq!(amounts(&[accrued, settled]), []);
    }

    #[test]
    fn a_flow_with_two_amounts_is_refused() {
        let one = contract("C1");
        let refused = net(&[payable(1, &one, 2, 5, "USD"), payable(1, &one, 2, 6, "USD")]);
        assert_eq!(refused, Err(NotNetted::Contradiction(FlowId(1))));
    }
}
