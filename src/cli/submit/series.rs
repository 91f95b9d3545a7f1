//! CSV of market data and of calendars -> points: the forms in which central banks publish, and a plain one.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::domain::market::fx::{FixName, Pair};
use crate::domain::money::Currency;
use crate::domain::names::{IndexName, Symbol};
use crate::messages::data_point::{DataKind, Value};
use crate::messages::document::points::{About, Stated, StatedPoint};
use crate::messages::request::scalar::{Number, exact, no_number, parse_date, parse_decimal, shortened};

/// What a row says, or why it says nothing. A row without a value, as of a holiday, is none.
pub struct Row {
    pub line: u64,
    pub text: String,
    pub read: Result<StatedPoint, String>,
}

/// What the file itself does not name.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    pub index: Option<&'a str>,
    pub fix: Option<&'a str>,
}

pub fn market_data(csv: &[u8], named: Named<'_>) -> Result<Vec<Row>, Failure> {
    let (header, rows) = table(csv)?;
    let columns: Vec<&str> = header.iter().map(String::as_str).collect();
    match columns.as_slice() {
        ["kind", "name", "detail", "date", "version", "value"] => Ok(each(&columns, &rows, plain)),
        ["DATE", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME"] => {
            let index =
                named.index.ok_or_else(|| Failure::usage("the file does not name its index").next("give --index"))?;
            let index = index_name(index)?;
            Ok(each(&columns, &rows, |row| bar(row, &index)))
        }
        ["DATE", of] => {
            let index = index_name(named.index.unwrap_or(of))?;
            Ok(each(&columns, &rows, |row| percent(&index, dashed(&row[0])?, &row[1])))
        }
        ["Date", currencies @ ..] if !currencies.is_empty() => {
            let fix = named.fix.ok_or_else(|| Failure::usage("the file does not name its fix").next("give --fix"))?;
            FixName::new(fix).map_err(|problem| Failure::usage(format!("--fix: {problem}")))?;
            Ok(reference_rates(currencies, &rows, fix))
        }
        _ => Err(Failure::usage(format!("no market data begin with {}", shortened(&columns.join(","))))
            .next("`bookflow submit market-data --help` lists the forms")),
    }
}

/// Holidays by calendar, or closures by exchange -> calendars as a document has them, and the rows that are no holidays.
pub fn calendars(csv: &[u8], (from, to): (NaiveDate, NaiveDate)) -> Result<(Vec<u8>, Vec<Row>), Failure> {
    let (header, rows) = table(csv)?;
    let closures = header == ["mic", "date", "kind", "local_close"];
    if !closures && header != ["calendar", "date"] {
        let message = format!("no calendars begin with {}", shortened(&header.join(",")));
        return Err(Failure::usage(message).next("`bookflow submit reference-data --help` lists the forms"));
    }
    let closed = |cells: &[String]| match closures.then(|| cells[2].as_str()) {
        None | Some("closed") => Ok(true),
        // It is a business day all the same.
        Some("early_close") => Ok(false),
        Some(other) => Err(format!("kind: {} is unknown; allowed: closed, early_close", shortened(other))),
    };
    let mut holidays = BTreeMap::<&str, BTreeSet<NaiveDate>>::new();
    let mut refused = Vec::new();
    for Cells { line, cells } in &rows {
        match checked(cells, header.len()).and_then(|()| Ok((dashed(&cells[1])?, closed(cells)?))) {
            Ok((date, closed)) => {
                let calendar = holidays.entry(&cells[0]).or_default();
                if closed && (from..=to).contains(&date) {
                    calendar.insert(date);
                }
            }
            Err(problem) => refused.push(Row { line: *line, text: cells.join(","), read: Err(problem) }),
        }
    }
    let calendar = |(name, days): (_, BTreeSet<NaiveDate>)| {
        let days: Vec<_> = days.iter().map(NaiveDate::to_string).collect();
        (name, json!({ "from": from.to_string(), "to": to.to_string(), "holidays": days }))
    };
    let calendars: BTreeMap<_, _> = holidays.into_iter().map(calendar).collect();
    Ok((json!({ "calendars": calendars }).to_string().into_bytes(), refused))
}

struct Cells {
    line: u64,
    cells: Vec<String>,
}

/// The header without the empty column that some files end with, and the rows.
fn table(csv: &[u8]) -> Result<(Vec<String>, Vec<Cells>), Failure> {
    let unreadable = |error: csv::Error| Failure::usage(format!("is not CSV: {error}"));
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(csv);
    let mut header: Vec<String> = reader.headers().map_err(unreadable)?.iter().map(str::to_owned).collect();
    let open = header.last().is_some_and(String::is_empty);
    if open {
        header.pop();
    }
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        let mut cells: Vec<String> = record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
        if open && cells.last().is_some_and(String::is_empty) {
            cells.pop();
        }
        rows.push(Cells { line, cells });
    }
    Ok((header, rows))
}

fn each(columns: &[&str], rows: &[Cells], read: impl Fn(&[String]) -> Result<Option<StatedPoint>, String>) -> Vec<Row> {
    let row = |Cells { line, cells }: &Cells| {
        let read = checked(cells, columns.len()).and_then(|()| read(cells)).transpose()?;
        let read = read.map(|point| Stated { path: format!("line {line}"), ..point });
        Some(Row { line: *line, text: cells.join(","), read })
    };
    rows.iter().filter_map(row).collect()
}

fn checked(cells: &[String], width: usize) -> Result<(), String> {
    if cells.iter().any(|cell| cell.contains(char::REPLACEMENT_CHARACTER)) {
        return Err("is not UTF-8".to_owned());
    }
    if cells.len() == width { Ok(()) } else { Err(format!("{} columns instead of {width}", cells.len())) }
}

fn index_name(name: &str) -> Result<IndexName, Failure> {
    IndexName::new(name).map_err(|problem| Failure::usage(format!("--index: {problem}")))
}

/// A date with a year of four digits.
pub fn dashed(text: &str) -> Result<NaiveDate, String> {
    parse_date(text).ok_or_else(|| format!("{} is not a date; write it as 2024-01-31", shortened(text)))
}

/// `20250310,4.3300,4.3300,4.3300,4.3300,0`: a fixing is one number, whatever the columns are called.
fn bar(row: &[String], index: &IndexName) -> Result<Option<StatedPoint>, String> {
    let date = match row[0].as_bytes() {
        [_, _, _, _, _, _, _, _] if row[0].is_ascii() => {
            dashed(&format!("{}-{}-{}", &row[0][..4], &row[0][4..6], &row[0][6..]))?
        }
        _ => return Err(format!("{} is not a date; write it as 20240131", shortened(&row[0]))),
    };
    if row[1..4].iter().any(|price| *price != row[4]) {
        return Err("has several prices, and a fixing is one number; keep the one that was published".to_owned());
    }
    percent(index, date, &row[4])
}

/// 4.33 is 0.0433: the point moves, no digit changes.
fn percent(index: &IndexName, date: NaiveDate, text: &str) -> Result<Option<StatedPoint>, String> {
    if text.is_empty() || text == "." {
        return Ok(None);
    }
    let percent = parse_decimal(text).ok_or_else(|| no_number(text))?;
    let fraction = Decimal::try_from_i128_with_scale(percent.mantissa(), percent.scale() + 2)
        .map_err(|_| format!("{} has too many digits", shortened(text)))?;
    let rate = exact(&fraction.normalize().to_string(), Number::Published)?;
    Ok(Some(point(DataKind::Fixing, index.as_str(), "", Some(date), None, Value::Number(rate))))
}

/// Units of each currency for one euro, of which some are not quoted on every day.
fn reference_rates(currencies: &[&str], rows: &[Cells], fix: &str) -> Vec<Row> {
    let mut read = Vec::new();
    let mut known = Vec::with_capacity(currencies.len());
    for currency in currencies {
        let checked = Currency::new(currency).map_err(|problem| format!("{problem}; the column is left out"));
        known.push(checked.as_ref().ok().copied());
        if let Err(problem) = checked {
            read.push(Row { line: 1, text: (*currency).to_owned(), read: Err(problem) });
        }
    }
    for Cells { line, cells } in rows {
        let date = checked(cells, currencies.len() + 1).and_then(|()| dashed(&cells[0]));
        let date = match date {
            Ok(date) => date,
            Err(problem) => {
                read.push(Row { line: *line, text: cells.join(","), read: Err(problem) });
                continue;
            }
        };
        for (text, known) in cells[1..].iter().zip(&known) {
            let Some(currency) = known.filter(|_| !text.is_empty() && text != "N/A") else { continue };
            let of_its_time = currency.money_on(date).map_err(|ended| ended.to_string());
            let rate = of_its_time.and_then(|()| exact(text, Number::Exchange)).map(|rate| Stated {
                path: format!("line {line}.{currency}"),
                ..point(DataKind::Fx, &format!("EUR/{currency}"), fix, Some(date), None, Value::Number(rate))
            });
            read.push(Row { line: *line, text: format!("{date},{currency},{text}"), read: rate });
        }
    }
    read
}

const KINDS: [(&str, DataKind); 5] = [
    ("PRICE", DataKind::Price),
    ("FIXING", DataKind::Fixing),
    ("FX", DataKind::Fx),
    ("FEE_RATE", DataKind::FeeRate),
    ("DISRUPTION", DataKind::Disruption),
];

/// `FX,EUR/USD,WM-4PM,2025-04-30,,1.1375`.
fn plain(row: &[String]) -> Result<Option<StatedPoint>, String> {
    let [kind, name, detail, date, version, value] = row else { return Err("has not six columns".to_owned()) };
    let Some((_, kind)) = KINDS.iter().find(|(word, _)| word == kind) else {
        let allowed: Vec<_> = KINDS.iter().map(|(word, _)| *word).collect();
        let others = "dividends have terms and come in a document";
        return Err(format!("kind: {} is unknown; allowed: {}; {others}", shortened(kind), allowed.join(", ")));
    };
    let problem = |problem: &dyn std::fmt::Display| problem.to_string();
    let date = dashed(date)?;
    match kind {
        DataKind::Fixing => IndexName::new(name).map(drop).map_err(|error| problem(&error))?,
        DataKind::Fx => {
            let pair = Pair::from_str(name).map_err(|error| format!("name: {error}"))?;
            pair.money_on(date).map_err(|ended| format!("date: {ended}"))?;
            FixName::new(detail).map_err(|error| problem(&error))?;
        }
        _ => Symbol::new(name).map(drop).map_err(|error| problem(&error))?,
    }
    if *kind != DataKind::Fx && !detail.is_empty() {
        return Err("detail: only exchange rates have one, the name of the fix".to_owned());
    }
    let version = match version.as_str() {
        "" => None,
        text => {
            Some(text.parse().ok().filter(|version| *version > 0).ok_or("version: allowed: 1 and more, or nothing")?)
        }
    };
    let number = |number| exact(value, number).map(Value::Number).map_err(|problem| format!("value: {problem}"));
    let value = match kind {
        DataKind::Price => number(Number::Quantity)?,
        DataKind::Disruption => match value.as_str() {
            "" => Value::Terms("{}".into()),
            "WITHDRAWN" => Value::Withdrawn,
            other => return Err(format!("value: {} is unknown; allowed: nothing, WITHDRAWN", shortened(other))),
        },
        DataKind::Fx => number(Number::Exchange)?,
        _ => number(Number::Published)?,
    };
    Ok(Some(point(*kind, name, detail, Some(date), version, value)))
}

fn point(
    kind: DataKind,
    name: &str,
    detail: &str,
    date: Option<NaiveDate>,
    version: Option<u32>,
    value: Value,
) -> StatedPoint {
    let about = About { kind, name: name.into(), detail: detail.into(), date };
    Stated { path: String::new(), about, version, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMELESS: Named<'_> = Named { index: None, fix: None };

    /// `Fixing SOFR  2025-03-10 v- 0.0433`, or line and reason.
    fn shown(rows: Vec<Row>) -> Vec<String> {
        let show = |row: Row| match row.read {
            Err(problem) => format!("{}: {problem}", row.line),
            Ok(Stated { about: About { kind, name, detail, date }, version, value, .. }) => {
                let date = date.map_or_else(String::new, |date| date.to_string());
                let version = version.map_or_else(|| "-".to_owned(), |version| version.to_string());
                let value = match value {
                    Value::Number(number) => number.to_string(),
                    other => format!("{other:?}"),
                };
                format!("{kind:?} {name} {detail} {date} v{version} {value}")
            }
        };
        rows.into_iter().map(show).collect()
    }

    fn read(csv: &str, named: Named<'_>) -> Vec<String> {
        shown(market_data(csv.as_bytes(), named).expect("a form"))
    }

    #[test]
    fn percent_becomes_a_fraction_exactly_and_a_holiday_is_no_row() {
        let rows = read("DATE,XYZR\n2025-03-07,4.3333333333\n2025-03-10,.\n2025-03-11,-0.5\n2025-03-12,x\n", NAMELESS);
        assert_eq!(
            rows,
            [
                "Fixing XYZR  2025-03-07 v- 0.043333333333",
                "Fixing XYZR  2025-03-11 v- -0.005",
                "5: `x` is not an exact decimal number; write digits, as in 1234.56"
            ]
        );
        assert_eq!(
            read("DATE,XYZR\n2025-03-07,4.33333333333\n", NAMELESS),
            ["2: 0.0433333333333 has 13 decimals; allowed: 12"]
        );
    }

    #[test]
    fn bars_are_fixings_of_the_index_that_is_named() {
        let csv = "DATE,OPEN,HIGH,LOW,CLOSE,VOLUME\n20250310,4.3300,4.3300,4.3300,4.3300,0\n20250311,1,2,1,2,0\n2025-03-12,1,1,1,1,0\n";
        assert!(market_data(csv.as_bytes(), NAMELESS).is_err_and(|failure| failure.next.is_some()));
        let rows = read(csv, Named { index: Some("SOFR"), ..NAMELESS });
        assert_eq!(rows[0], "Fixing SOFR  2025-03-10 v- 0.0433");
        assert!(rows[1].starts_with("3: has several prices"), "{}", rows[1]);
        assert!(rows[2].starts_with("4: `2025-03-12` is not a date"), "{}", rows[2]);
    }

    #[test]
    fn reference_rates_are_units_for_one_euro_and_gaps_are_no_rows() {
        let csv = "Date,USD,XXA,JPY,\n2025-03-11,1.0912,3,N/A,\n2025-03-10,1.0846,,159.92,\n";
        let rows = read(csv, Named { fix: Some("ECB"), ..NAMELESS });
        assert!(rows[0].starts_with("1: ") && rows[0].contains("XXA"), "{}", rows[0]);
        assert_eq!(
            rows[1..],
            [
                "Fx EUR/USD ECB 2025-03-11 v- 1.0912",
                "Fx EUR/USD ECB 2025-03-10 v- 1.0846",
                "Fx EUR/JPY ECB 2025-03-10 v- 159.92"
            ]
        );
    }

    #[test]
    fn rates_of_a_currency_that_has_ended_are_taken_up_to_its_last_day() {
        let csv = "Date,HRK,BGN,\n2023-01-02,7.5345,1.9558,\n2022-12-30,7.5365,1.9558,\n";
        let rows = read(csv, Named { fix: Some("ECB"), ..NAMELESS });
        assert_eq!(
            rows,
            [
                "2: HRK was money up to 2022-12-31",
                "Fx EUR/BGN ECB 2023-01-02 v- 1.9558",
                "Fx EUR/HRK ECB 2022-12-30 v- 7.5365",
                "Fx EUR/BGN ECB 2022-12-30 v- 1.9558"
            ]
        );
    }

    #[test]
    fn the_plain_form_says_everything_and_refuses_what_it_does_not_know() {
        let csv = "kind,name,detail,date,version,value\n\
                   PRICE,ACME,,2025-03-10,2,53.10\n\
                   FX,EUR/USD,ECB,2025-03-10,,1.08\n\
                   DISRUPTION,ACME,,2025-03-10,,WITHDRAWN\n\
                   FX,HRK/EUR,ECB,2025-03-10,,0.1327\n\
                   DIVIDEND,ACME,D1,2025-03-10,,1\n\
                   PRICE,ACME,,10.3.2025,,53\n\
                   PRICE,ACME,,2025-03-10,0,53\n";
        let rows = read(csv, NAMELESS);
        assert_eq!(
            rows[..3],
            [
                "Price ACME  2025-03-10 v2 53.1",
                "Fx EUR/USD ECB 2025-03-10 v- 1.08",
                "Disruption ACME  2025-03-10 v- Withdrawn"
            ]
        );
        for (row, reason) in
            rows[3..].iter().zip(["HRK was money", "dividends have terms", "is not a date", "version: "])
        {
            assert!(row.contains(reason), "{row}");
        }
    }

    #[test]
    fn what_no_market_can_say_is_a_row_that_is_refused() {
        let rows = |values: &[(&str, &str)]| {
            let row = |(about, value): &(&str, &str)| format!("{about},2025-03-10,,{value}\n");
            let rows = values.iter().map(row).collect::<String>();
            read(&format!("kind,name,detail,date,version,value\n{rows}"), NAMELESS)
        };
        let good =
            [("PRICE,ACME,", "0"), ("PRICE,WTI,", "-37.63"), ("FIXING,ESTR,", "-0.0059"), ("FEE_RATE,GC,", "9.5")];
        assert!(rows(&good).iter().all(|row| !row.contains("allowed")), "{:?}", rows(&good));
        let bad = [
            ("FX,EUR/USD,ECB", "0"),
            ("FX,EUR/USD,ECB", "-1.08"),
            ("FIXING,SOFR,", "-5"),
            ("FIXING,SOFR,", "-1"),
            ("FIXING,SOFR,", "100.01"),
            ("FEE_RATE,GC,", "-1"),
        ];
        let refused = rows(&bad);
        assert_eq!(refused.len(), bad.len());
        assert!(refused.iter().all(|row| row.contains("allowed: ")), "{refused:?}");
        assert_eq!(read("DATE,SOFR\n2025-03-10,-500\n", NAMELESS).len(), 1);
        assert!(read("DATE,SOFR\n2025-03-10,-500\n", NAMELESS)[0].contains("allowed: "));
        let ecb = read("Date,USD\n2025-03-10,-1.08\n", Named { fix: Some("ECB"), ..NAMELESS });
        assert!(ecb[0].contains("allowed: "), "{ecb:?}");
    }

    #[test]
    fn a_row_that_is_none_stands_alone() {
        let bytes = b"DATE,SOFR\n2025-03-10,4.33\n2025-03-11,\xff\n2025-03-12,4.35\n";
        let rows = shown(market_data(bytes, NAMELESS).expect("a form"));
        assert_eq!((rows.len(), rows[1].as_str()), (3, "3: is not UTF-8"));
        let rows = read("DATE,SOFR\n2025-03-10,4.33\n2025-03-11,4.34,x\n2025-03-12,4.35\n", NAMELESS);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1], "3: 3 columns instead of 2");
        assert!(rows[0].starts_with("Fixing") && rows[2].starts_with("Fixing"), "{rows:?}");
    }

    #[test]
    fn holidays_become_calendars_for_the_days_that_are_asked_for() {
        let day = |text: &str| parse_date(text).expect("a date");
        let range = (day("2025-01-01"), day("2025-12-31"));
        let csv = "calendar,date\nHOME,2024-12-25\nHOME,2025-12-25\nHOME,25.12.2025\n";
        let (document, refused) = calendars(csv.as_bytes(), range).expect("a form");
        let expected = r#"{"calendars":{"HOME":{"from":"2025-01-01","holidays":["2025-12-25"],"to":"2025-12-31"}}}"#;
        assert_eq!(String::from_utf8(document).expect("text"), expected);
        assert!(shown(refused)[0].starts_with("4: `25.12.2025` is not a date"));
        let csv = "mic,date,kind,local_close\nHOME,2025-12-24,early_close,14:00\nHOME,2025-12-25,closed,\nHOME,2025-12-26,moved,\n";
        let (document, refused) = calendars(csv.as_bytes(), range).expect("a form");
        assert_eq!(String::from_utf8(document).expect("text"), expected);
        assert_eq!(shown(refused), ["4: kind: `moved` is unknown; allowed: closed, early_close"]);
    }
}
