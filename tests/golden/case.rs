//! A golden file: its inputs, what is expected, and an account of which numbers a test has asserted.
//!
//! ```ignore
//! let case = Case::load("10_rfr_compound_plain");
//! let rate = ...(case.inputs().at("spread").decimal());
//! case.expected().at("rate").is_near(rate, case.tolerance("rate"));
//! ```
//! When the case goes out of scope, the test fails unless it has asserted every number, fraction and date under `expected`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::json::Json;

pub struct Case {
    id: String,
    document: Json,
    /// Paths of the leaves that were compared with a result.
    asserted: RefCell<BTreeSet<String>>,
    /// Paths of leaves under `expected` that are inputs, repeated beside their results.
    given: RefCell<BTreeSet<String>>,
}

impl Case {
    /// Reads `tests/golden/<id>.json`.
    pub fn load(id: &str) -> Case {
        let file = format!("{}/tests/golden/{id}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        Case::parse(id, &text)
    }

    fn parse(id: &str, text: &str) -> Case {
        let document = Json::parse(text);
        Case { id: id.to_owned(), document, asserted: RefCell::default(), given: RefCell::default() }
    }

    pub fn inputs(&self) -> Node<'_> {
        self.root().at("inputs")
    }

    pub fn expected(&self) -> Node<'_> {
        self.root().at("expected")
    }

    /// How far a result may be from what is expected; zero for `exact`.
    pub fn tolerance(&self, of: &str) -> Decimal {
        match self.root().at("tolerance").at(of).text() {
            "exact" => Decimal::ZERO,
            number => Decimal::from_scientific(number).expect("a tolerance is exact or a power of ten"),
        }
    }

    fn root(&self) -> Node<'_> {
        Node { case: self, value: &self.document, path: String::new() }
    }
}

/// The account: says how many numbers were asserted, and fails over any that was not.
impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let mut missed = Vec::new();
        self.expected().collect_numbers(&mut missed);
        let (asserted, given) = (self.asserted.borrow(), self.given.borrow());
        missed.retain(|path| !asserted.contains(path) && !given.contains(path));
        assert!(missed.is_empty(), "{}: numbers that nothing was compared with: {missed:#?}", self.id);
        // Past the test's capture of output: the count is to be seen when all is well.
        let _ = writeln!(std::io::stdout(), "golden {}: {} numbers asserted", self.id, asserted.len());
    }
}

/// A value of a case and where it stands.
#[derive(Clone)]
pub struct Node<'a> {
    case: &'a Case,
    value: &'a Json,
    path: String,
}

/// Reading: it counts as no assertion.
impl<'a> Node<'a> {
    pub fn at(&self, name: &str) -> Node<'a> {
        self.find(name).unwrap_or_else(|| panic!("{}: no {name}", self.place()))
    }

    /// `None` where the name is absent or null.
    pub fn find(&self, name: &str) -> Option<Node<'a>> {
        let Json::Object(entries) = self.value else { panic!("{} is no object", self.place()) };
        entries.get(name).filter(|value| **value != Json::Null).map(|value| self.below(name, value))
    }

    pub fn item(&self, index: usize) -> Node<'a> {
        self.items().into_iter().nth(index).unwrap_or_else(|| panic!("{}: no item {index}", self.place()))
    }

    /// Of a list.
    pub fn items(&self) -> Vec<Node<'a>> {
        let Json::List(items) = self.value else { panic!("{} is no list", self.place()) };
        items.iter().enumerate().map(|(index, value)| self.below(&index.to_string(), value)).collect()
    }

    /// Names and values of an object, in the order of the names.
    pub fn entries(&self) -> Vec<(&'a str, Node<'a>)> {
        let Json::Object(entries) = self.value else { panic!("{} is no object", self.place()) };
        entries.iter().map(|(name, value)| (name.as_str(), self.below(name, value))).collect()
    }

    /// Says that this and what is below it are inputs that stand under `expected`: they are not compared with anything, and not counted.
    pub fn given(self) -> Node<'a> {
        let mut paths = Vec::new();
        self.collect_numbers(&mut paths);
        self.case.given.borrow_mut().extend(paths);
        self
    }

    /// The text of a string or a number, as written.
    pub fn text(&self) -> &'a str {
        let (Json::Text(text) | Json::Word(text)) = self.value else { panic!("{} is no text", self.place()) };
        text
    }

    pub fn flag(&self) -> bool {
        self.text().parse().unwrap_or_else(|_| panic!("{} is not true or false", self.place()))
    }

    pub fn decimal(&self) -> Decimal {
        parse_decimal(self.text()).unwrap_or_else(|| panic!("{} is no number", self.place()))
    }

    pub fn whole<T: std::str::FromStr>(&self) -> T {
        self.text().parse().unwrap_or_else(|_| panic!("{} is no such whole number", self.place()))
    }

    pub fn date(&self) -> NaiveDate {
        self.text().parse().unwrap_or_else(|_| panic!("{} is no date", self.place()))
    }
}

/// Asserting.
impl Node<'_> {
    /// The same number, however many zeros it is written with.
    pub fn is(&self, got: impl Into<Decimal>) {
        self.is_near(got, Decimal::ZERO);
    }

    pub fn is_near(&self, got: impl Into<Decimal>, tolerance: Decimal) {
        let (got, expected) = (got.into(), self.decimal());
        assert!((got - expected).abs() <= tolerance, "{}: expected {expected}, got {got}", self.place());
        self.count();
    }

    /// The same fraction, reduced or not.
    pub fn is_fraction(&self, numerator: i64, denominator: i64) {
        let (above, below) = parse_fraction(self.text()).unwrap_or_else(|| panic!("{} is no fraction", self.place()));
        let same = i128::from(above) * i128::from(denominator) == i128::from(numerator) * i128::from(below);
        assert!(same, "{}: expected {above}/{below}, got {numerator}/{denominator}", self.place());
        self.count();
    }

    pub fn is_date(&self, got: NaiveDate) {
        assert_eq!(self.date(), got, "{}", self.place());
        self.count();
    }

    /// Letter by letter: for words, and for numbers whose trailing zeros matter.
    pub fn is_text(&self, got: &str) {
        assert_eq!(self.text(), got, "{}", self.place());
        self.count();
    }

    fn count(&self) {
        self.case.asserted.borrow_mut().insert(self.path.clone());
    }
}

impl<'a> Node<'a> {
    fn below(&self, name: &str, value: &'a Json) -> Node<'a> {
        Node { case: self.case, value, path: format!("{}/{name}", self.path) }
    }

    fn place(&self) -> String {
        format!("{}{}", self.case.id, self.path)
    }

    /// The paths of all numbers, fractions and dates at or below this one.
    fn collect_numbers(&self, paths: &mut Vec<String>) {
        match self.value {
            Json::Object(_) => self.entries().iter().for_each(|(_, node)| node.collect_numbers(paths)),
            Json::List(_) => self.items().iter().for_each(|node| node.collect_numbers(paths)),
            Json::Text(text) | Json::Word(text) if counts(text) => paths.push(self.path.clone()),
            Json::Text(_) | Json::Word(_) | Json::Null => {}
        }
    }
}

/// Whether a text has digits and nothing but what numbers, fractions and dates are written with; also one too long to compare exactly.
fn counts(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || "+-./eE".contains(c))
}

/// Exact or not at all: a number with more digits than `Decimal` holds is no number here.
fn parse_decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text).ok()
}

fn parse_fraction(text: &str) -> Option<(i64, i64)> {
    let (above, below) = text.split_once('/')?;
    Some((above.parse().ok()?, below.parse().ok()?))
}

#[test]
#[should_panic(expected = "numbers that nothing was compared with: [\n    \"/expected/1/as_of\",\n]")]
fn a_number_that_nothing_was_compared_with_fails_the_case() {
    let case = Case::parse("a case", r#"{"expected": [{"amount": 1.50}, {"as_of": "2025-01-31", "rate": "1/3"}]}"#);
    case.expected().item(0).at("amount").is(Decimal::new(15, 1));
    case.expected().item(1).at("rate").given();
}

#[test]
#[should_panic(expected = "a case/expected/amount: expected 0.3000000000000000000000000001, got 0.3")]
fn a_number_is_compared_with_all_its_digits() {
    let case = Case::parse("a case", r#"{"expected": {"amount": 0.3000000000000000000000000001}}"#);
    case.expected().at("amount").is(Decimal::new(3, 1));
}
