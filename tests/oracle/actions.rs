//! What corporate actions and transfers do to the lots.

use super::{Fact, Fraction, Lot, Position, Relief, Rules, Says, method};

impl Position {
    pub(super) fn act(&mut self, fact: &Fact, rules: &Rules) {
        if self.lots.is_empty() {
            return;
        }
        if !matches!(fact.says, Says::Split { .. }) {
            self.dissolve();
        }
        let ids: Vec<String> = self.in_order(method(rules, fact.day)).into_iter().map(|lot| lot.id).collect();
        match &fact.says {
            Says::Split { ratio, cash } => self.split(fact, &ids, ratio, cash.as_ref()),
            Says::SpinOff { ratio, parent, child, cash } => {
                let part = child.clone() * ratio.clone();
                let part = part.clone() / (parent.clone() + part);
                let mut costs = Vec::new();
                for (id, units) in ids.iter().zip(self.scaled(&ids, ratio)) {
                    let lot = self.lot(id);
                    let cost = lot.quantity.abs() * lot.unit_cost.clone();
                    let of_child = if units.is_zero() { Fraction::zero() } else { part_of(&cost, &part) };
                    lot.unit_cost = (cost - of_child.clone()) / lot.quantity.abs();
                    costs.push(of_child);
                }
                self.succeed(fact, &ids, &costs, ratio, cash.as_ref());
            }
            Says::MergerCash { price } => {
                for id in &ids {
                    let units = self.lot(id).quantity.abs();
                    self.close(&fact.id, id, units, price);
                }
            }
            Says::MergerStock { ratio, cash } => {
                let costs: Vec<Fraction> = ids.iter().map(|id| self.cost_of(id)).collect();
                self.succeed(fact, &ids, &costs, ratio, cash.as_ref());
                self.lots.clear();
            }
            Says::MergerMixed { paid, ratio, price, cash } => {
                let part = paid.clone() / (paid.clone() + ratio.clone() * price.clone());
                let mut costs = Vec::new();
                for id in &ids {
                    let (cost, quantity) = (self.cost_of(id), self.lot(id).quantity.clone());
                    let of_cash = part_of(&cost, &part);
                    self.realise(fact, id, quantity, paid, of_cash.clone());
                    costs.push(cost - of_cash);
                }
                self.succeed(fact, &ids, &costs, ratio, cash.as_ref());
                self.lots.clear();
            }
            Says::SymbolChange => {
                for id in &ids {
                    let (quantity, unit_cost) = (self.lot(id).quantity.clone(), self.lot(id).unit_cost.clone());
                    self.send(fact, id, quantity, unit_cost);
                }
                self.lots.clear();
            }
            Says::Departure { quantity } => self.depart(fact, rules, quantity),
            Says::Trade { .. } | Says::Arrival(_) => unreachable!("they deal"),
        }
    }

    fn split(&mut self, fact: &Fact, ids: &[String], ratio: &Fraction, cash: Option<&Fraction>) {
        let scaled = self.scaled(ids, ratio);
        for (id, _) in ids.iter().zip(&scaled).filter(|(_, quantity)| quantity.is_zero()) {
            let units = self.lot(id).quantity.abs();
            self.close(&fact.id, id, units, &Fraction::zero());
        }
        for (id, quantity) in ids.iter().zip(scaled).filter(|(_, quantity)| !quantity.is_zero()) {
            let cost = self.cost_of(id);
            let lot = self.lot(id);
            (lot.unit_cost, lot.quantity) = (cost / quantity.abs(), quantity);
        }
        let Some(price) = cash else { return };
        let total = self.quantity();
        let mut left = total.clone() - total.cut(0);
        if left.is_zero() {
            return;
        }
        self.cash.insert(fact.id.clone(), (left.clone() * price.clone()).round(2));
        for id in ids.iter().rev() {
            let units = left.abs().min(self.lot(id).quantity.abs());
            if !units.is_zero() {
                self.close(&fact.id, id, units.clone(), price);
                left = (left.abs() - units).signed_like(&left);
            }
        }
    }

    /// New lots elsewhere for the lots here; the fraction of a unit is paid, from the last lot on.
    fn succeed(&mut self, fact: &Fact, ids: &[String], costs: &[Fraction], ratio: &Fraction, cash: Option<&Fraction>) {
        let quantities = self.scaled(ids, ratio);
        let total = quantities.iter().fold(Fraction::zero(), |sum, quantity| sum + quantity.clone());
        let mut left = if cash.is_some() { (total.clone() - total.cut(0)).abs() } else { Fraction::zero() };
        if let Some(price) = cash.filter(|_| !left.is_zero()) {
            self.cash.insert(fact.id.clone(), (left.signed_like(&total) * price.clone()).round(2));
        }
        for ((id, quantity), cost) in ids.iter().zip(quantities).zip(costs).rev() {
            if quantity.is_zero() {
                if !cost.is_zero() {
                    let all = self.lot(id).quantity.clone();
                    self.realise(fact, id, all, &Fraction::zero(), cost.clone());
                }
                continue;
            }
            let unit_cost = cost.clone() / quantity.abs();
            let paid = left.clone().min(quantity.abs());
            if let Some(price) = cash.filter(|_| !paid.is_zero()) {
                self.realise(fact, id, paid.signed_like(&quantity), price, paid.clone() * unit_cost.clone());
                left = left - paid.clone();
            }
            let rest = (quantity.abs() - paid).signed_like(&quantity);
            if !rest.is_zero() {
                self.send(fact, id, rest, unit_cost);
            }
        }
    }

    fn depart(&mut self, fact: &Fact, rules: &Rules, quantity: &Fraction) {
        let units = quantity.clone().min(self.quantity().abs());
        let (method, list) = self.choose(fact, rules, &units);
        for (id, units) in list.unwrap_or_else(|| self.take_in_order(method, units)) {
            let lot = self.lot(&id);
            let moved = units.signed_like(&lot.quantity);
            lot.quantity = lot.quantity.clone() - moved.clone();
            let unit_cost = lot.unit_cost.clone();
            self.send(fact, &id, moved, unit_cost);
        }
    }

    fn send(&mut self, fact: &Fact, id: &str, quantity: Fraction, unit_cost: Fraction) {
        let (source, by) = fact.id.split_once('|').expect("an id has a source");
        let lot = Lot { id: format!("{source}|{by}#{id}"), quantity, unit_cost, ..self.lot(id).clone() };
        self.sent.push((fact.id.clone(), lot));
    }

    fn realise(&mut self, fact: &Fact, id: &str, quantity: Fraction, price: &Fraction, cost: Fraction) {
        let realised = (quantity.clone() * price.clone() - cost.signed_like(&quantity)).round(2);
        let relief = Relief { lot: id.to_owned(), units: quantity.abs(), realised };
        self.reliefs.entry(fact.id.clone()).or_default().push(relief);
    }

    /// The total is scaled and cut; what a lot gets is the total up to it less the total before it.
    fn scaled(&mut self, ids: &[String], ratio: &Fraction) -> Vec<Fraction> {
        let mut before = Fraction::zero();
        let mut quantities = Vec::new();
        for id in ids {
            let after = before.clone() + self.lot(id).quantity.clone();
            let scaled = |quantity: &Fraction| (quantity.clone() * ratio.clone()).cut(10);
            quantities.push(scaled(&after) - scaled(&before));
            before = after;
        }
        quantities
    }

    fn cost_of(&mut self, id: &str) -> Fraction {
        let lot = self.lot(id);
        lot.quantity.abs() * lot.unit_cost.clone()
    }

    fn lot(&mut self, id: &str) -> &mut Lot {
        self.lots.iter_mut().find(|lot| lot.id == id).expect("it is open")
    }
}

/// In cents, where there are as many.
fn part_of(cost: &Fraction, part: &Fraction) -> Fraction {
    (cost.clone() * part.clone()).round(2).min(cost.clone())
}
