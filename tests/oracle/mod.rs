//! What a position must be, worked out from the facts that survive: slow and obvious, from the first fact to the last, every time.
//!
//! It shares no code and no type with the kernel. Amounts are in units of the currency, days are day numbers, ids are texts.

mod actions; // corporate actions and transfers
mod fraction; // exact numbers

use std::collections::BTreeMap;

pub use fraction::Fraction;

#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    pub id: String,
    pub day: i64,
    /// 0 at the start of the day, 1 during it.
    pub phase: u8,
    pub time: i64,
    pub sequence: u64,
    pub says: Says,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    Trade { quantity: Fraction, price: Fraction },
    Split { ratio: Fraction, cash: Option<Fraction> },
    SpinOff { ratio: Fraction, parent: Fraction, child: Fraction, cash: Option<Fraction> },
    MergerCash { price: Fraction },
    MergerStock { ratio: Fraction, cash: Option<Fraction> },
    MergerMixed { paid: Fraction, ratio: Fraction, price: Fraction, cash: Option<Fraction> },
    SymbolChange,
    Departure { quantity: Fraction },
    Arrival(Lot),
}

/// A lot; quantities are signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Lot {
    pub id: String,
    pub day: i64,
    pub time: i64,
    pub sequence: u64,
    pub quantity: Fraction,
    pub unit_cost: Fraction,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    Fifo,
    Lifo,
    Hifo,
    Lofo,
    Average,
    MaxLoss,
    MinGain,
    MaxGain,
}

#[derive(Clone, Debug)]
pub enum Order {
    Method(Method),
    Lots(Vec<(String, Fraction)>),
}

/// What is agreed about a position.
#[derive(Clone, Debug)]
pub struct Rules {
    pub first: Method,
    pub changes: Vec<(i64, Method)>,
    /// By the id of the trade or transfer that it is ordered for.
    pub orders: BTreeMap<String, Order>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Relief {
    pub lot: String,
    pub units: Fraction,
    pub realised: Fraction,
}

#[derive(Clone, Debug, Default)]
pub struct Position {
    /// Open lots, oldest first.
    pub lots: Vec<Lot>,
    /// Cost of all lots together, when they share it.
    pub pool: Option<Fraction>,
    /// By the fact that closed.
    pub reliefs: BTreeMap<String, Vec<Relief>>,
    /// Cash for fractions, by the action.
    pub cash: BTreeMap<String, Fraction>,
    /// By the fact that sent it: lots for another position.
    pub sent: Vec<(String, Lot)>,
    /// Facts whose order was not followed.
    pub refused: Vec<String>,
}

/// Goes through the facts in business order.
pub fn position(mut facts: Vec<Fact>, rules: &Rules) -> Position {
    facts.sort_by(|left, right| place(left).cmp(&place(right)));
    let mut position = Position::default();
    for fact in &facts {
        match &fact.says {
            Says::Trade { quantity, price } => {
                let lot = Lot {
                    id: fact.id.clone(),
                    day: fact.day,
                    time: fact.time,
                    sequence: fact.sequence,
                    quantity: quantity.clone(),
                    unit_cost: price.clone(),
                };
                position.deal(fact, rules, lot, price.clone());
            }
            Says::Arrival(lot) => position.deal(fact, rules, lot.clone(), lot.unit_cost.round(10)),
            _ => position.act(fact, rules),
        }
        position.lots.retain(|lot| !lot.quantity.is_zero());
        position.lots.sort_by(|left, right| age(left).cmp(&age(right)));
        if position.lots.is_empty() {
            position.pool = None;
        }
    }
    position
}

impl Position {
    pub fn quantity(&self) -> Fraction {
        self.lots.iter().fold(Fraction::zero(), |sum, lot| sum + lot.quantity.clone())
    }

    pub fn realised(&self) -> Fraction {
        self.reliefs.values().flatten().fold(Fraction::zero(), |sum, relief| sum + relief.realised.clone())
    }

    pub fn cost(&self) -> Fraction {
        self.pool.clone().unwrap_or_else(|| self.cost_by_lot())
    }

    fn cost_by_lot(&self) -> Fraction {
        let cost = |lot: &Lot| (lot.quantity.clone() * lot.unit_cost.clone()).round(2);
        self.lots.iter().fold(Fraction::zero(), |sum, lot| sum + cost(lot))
    }

    /// Closes lots of the other direction, opens what is left.
    fn deal(&mut self, fact: &Fact, rules: &Rules, mut lot: Lot, price: Fraction) {
        let position = self.quantity();
        if !position.is_zero() && position.negative() != lot.quantity.negative() {
            let units = position.abs().min(lot.quantity.abs());
            let (method, list) = self.choose(fact, rules, &units);
            match method {
                Method::Average if self.pool.is_none() => self.pool = Some(self.cost_by_lot()),
                Method::Average => {}
                _ => self.dissolve(),
            }
            for (id, units) in list.unwrap_or_else(|| self.take_in_order(method, units.clone())) {
                self.close(&fact.id, &id, units, &price);
            }
            lot.quantity = (lot.quantity.abs() - units).signed_like(&lot.quantity);
        }
        if !lot.quantity.is_zero() {
            if let Some(pool) = self.pool.take().filter(|_| self.lots.iter().any(|lot| !lot.quantity.is_zero())) {
                self.pool = Some(pool + (lot.quantity.clone() * lot.unit_cost.clone()).round(2));
            }
            self.lots.push(lot);
        }
    }

    /// The method that counts, and the lots that are listed if their list can be followed.
    fn choose(&mut self, fact: &Fact, rules: &Rules, units: &Fraction) -> (Method, Option<Vec<(String, Fraction)>>) {
        let agreed = method(rules, fact.day);
        match rules.orders.get(&fact.id) {
            None => (agreed, None),
            Some(Order::Method(method)) => (*method, None),
            Some(Order::Lots(lots)) if self.can_follow(lots, units) => (Method::Fifo, Some(lots.clone())),
            Some(Order::Lots(_)) => {
                self.refused.push(fact.id.clone());
                (agreed, None)
            }
        }
    }

    fn can_follow(&self, lots: &[(String, Fraction)], units: &Fraction) -> bool {
        let open =
            |id: &str| self.lots.iter().filter(|lot| lot.id == id).fold(Fraction::zero(), |_, lot| lot.quantity.abs());
        let sum = lots.iter().fold(Fraction::zero(), |sum, (_, units)| sum + units.clone());
        let once = |id: &str| lots.iter().filter(|(other, _)| other == id).count() == 1;
        sum == *units && lots.iter().all(|(id, units)| *units > Fraction::zero() && *units <= open(id) && once(id))
    }

    /// Which lots, and how much of each.
    fn take_in_order(&mut self, method: Method, mut units: Fraction) -> Vec<(String, Fraction)> {
        let mut taken = Vec::new();
        for lot in self.in_order(method) {
            let some = lot.quantity.abs().min(units.clone());
            if !some.is_zero() {
                units = units - some.clone();
                taken.push((lot.id, some));
            }
        }
        taken
    }

    /// The lots as the method takes them.
    fn in_order(&self, method: Method) -> Vec<Lot> {
        let mut lots = self.lots.clone();
        lots.sort_by(|left, right| age(left).cmp(&age(right)));
        // What a unit earns if it is closed for nothing; any other price moves all lots of a position alike.
        let earned = |lot: &Lot| if lot.quantity.negative() { lot.unit_cost.clone() } else { -lot.unit_cost.clone() };
        match method {
            Method::Fifo | Method::Average => {}
            Method::Lifo => lots.reverse(),
            Method::Hifo => lots.sort_by(|left, right| right.unit_cost.cmp(&left.unit_cost)),
            Method::Lofo => lots.sort_by(|left, right| left.unit_cost.cmp(&right.unit_cost)),
            Method::MaxLoss | Method::MinGain => lots.sort_by_key(earned),
            Method::MaxGain => lots.sort_by_key(|lot| std::cmp::Reverse(earned(lot))),
        }
        lots
    }

    fn close(&mut self, by: &str, id: &str, units: Fraction, price: &Fraction) {
        let (position, pool) = (self.quantity(), self.pool.clone());
        let lot = self.lots.iter_mut().find(|lot| lot.id == id).expect("it is open");
        let taken = units.signed_like(&lot.quantity);
        let cost = match &pool {
            Some(pool) => share(pool, &taken, &position),
            None => taken.clone() * lot.unit_cost.clone(),
        };
        lot.quantity = lot.quantity.clone() - taken.clone();
        self.pool = pool.map(|pool| pool - cost.clone());
        let realised = (taken * price.clone() - cost).round(2);
        self.reliefs.entry(by.to_owned()).or_default().push(Relief { lot: id.to_owned(), units, realised });
    }

    /// Every lot takes its share of the pool, oldest first.
    fn dissolve(&mut self) {
        let Some(mut cost) = self.pool.take() else { return };
        let mut units = self.quantity();
        for lot in &mut self.lots {
            let share = share(&cost, &lot.quantity, &units);
            cost = cost - share.clone();
            units = units - lot.quantity.clone();
            lot.unit_cost = share / lot.quantity.clone();
        }
    }
}

fn share(cost: &Fraction, units: &Fraction, all: &Fraction) -> Fraction {
    (cost.clone() * units.clone() / all.clone()).round(2)
}

fn method(rules: &Rules, day: i64) -> Method {
    let mut agreed = rules.first;
    let mut since = i64::MIN;
    for (from, method) in &rules.changes {
        if *from <= day && *from >= since {
            (agreed, since) = (*method, *from);
        }
    }
    agreed
}

fn place(fact: &Fact) -> (i64, u8, i64, u64, &str) {
    (fact.day, fact.phase, fact.time, fact.sequence, &fact.id)
}

fn age(lot: &Lot) -> (i64, i64, u64, &str) {
    (lot.day, lot.time, lot.sequence, &lot.id)
}
