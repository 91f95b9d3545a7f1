//! What must never move: the order of symbols in each enum, and one record byte by byte.

use std::fmt::Debug;

use chrono::NaiveDate;

use crate::domain::jobs::notice::NoticeCode;
use crate::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use crate::domain::lots::lot::Chosen;
use crate::domain::lots::method::Instruction;
use crate::domain::money::Currency;
use crate::domain::trade::{Side, Terms, Trade, TradeEvent};
use crate::messages::framing::HEADER_BYTES;
use crate::messages::schemas::{SchemaName, Schemas};
use crate::messages::{
    blotter, calculation_request, captured_action, captured_trade, chunk, data_point, job_control, job_parts, outcome,
    parts, position_flows, relief, view,
};

/// The one thing that the Avro library cannot see: whether our tables name the symbols in the schema's order.
#[test]
fn symbols_stand_in_the_order_of_their_schemas() {
    let table = |name: &str, ours: Vec<String>| {
        let ours: Vec<_> = std::iter::once("UNKNOWN".to_string()).chain(ours).collect();
        let all: Vec<_> = SchemaName::ALL.iter().filter_map(|schema| enum_symbols(&json(*schema), name)).collect();
        assert!(!all.is_empty() && all.iter().all(|symbols| *symbols == ours), "{name}: {all:?}");
    };
    table("Side", named(&parts::SIDES));
    table("TradeEvent", named(&parts::EVENTS));
    table("TradeStatus", named(&captured_trade::STATUSES));
    table("ReliefMethod", named(&relief::METHODS));
    let listed = std::iter::once("SPECIFIC".to_owned());
    table("Chosen", named(&relief::METHODS).into_iter().chain(listed).collect());
    assert!(relief::CHOSEN.into_iter().eq(relief::METHODS.map(Chosen::By).into_iter().chain([Chosen::Listed])));
    table("Happening", named(&captured_action::NAMES));
    table("InstructionProblem", named(&relief::PROBLEMS));
    table("Verdict", named(&blotter::VERDICTS));
    table("RefusalCode", blotter::REFUSALS.map(str::to_uppercase).to_vec());
    table("Averaging", named(&chunk::AVERAGINGS));
    table("Calculation", chunk::CALCULATIONS.map(String::from).to_vec());
    table("LegKind", chunk::LEGS.map(String::from).to_vec());
    table("DayCount", named(&job_parts::DAY_COUNTS));
    table("FlowKind", named(&job_parts::FLOW_KINDS));
    table("FlowStatus", named(&job_parts::FLOW_STATUSES));
    table("Treatment", job_parts::TREATMENTS.map(|treatment| treatment.name().to_string()).to_vec());
    table("Severity", named(&job_parts::SEVERITIES));
    table("NoticeCode", NoticeCode::ALL.map(|code| code.name().to_string()).to_vec());
    table("Ending", outcome::ENDINGS.map(String::from).to_vec());
    table("DataKind", named(&data_point::KINDS));
    table("SwapFlowKind", named(&position_flows::SWAP_FLOW_KINDS));
    table("FlowStage", named(&position_flows::STAGES));
    table("ControlWord", job_control::WORDS.map(String::from).to_vec());
    table("RequestWord", calculation_request::REQUEST_WORDS.map(String::from).to_vec());
    table("RecalculationType", calculation_request::RECALCULATIONS.map(String::from).to_vec());
}

/// `Act365Fixed` -> `ACT_365_FIXED`
fn named<T: Debug>(table: &[T]) -> Vec<String> {
    let spell = |variant: &T| {
        let (mut name, mut last) = (String::new(), '_');
        for letter in format!("{variant:?}").chars() {
            if letter.is_uppercase() || letter.is_numeric() && !last.is_numeric() {
                name.push('_');
            }
            name.extend(letter.to_uppercase());
            last = letter;
        }
        name.trim_start_matches('_').to_string()
    };
    table.iter().map(spell).collect()
}

fn json(schema: SchemaName) -> serde_json::Value {
    serde_json::from_str(schema.current()).expect("a schema is JSON")
}

fn enum_symbols(json: &serde_json::Value, name: &str) -> Option<Vec<String>> {
    if json["type"] == "enum" && json["name"] == name {
        let symbols = json["symbols"].as_array()?.iter();
        return symbols.map(|symbol| symbol.as_str().map(String::from)).collect();
    }
    match json {
        serde_json::Value::Object(fields) => fields.values().find_map(|value| enum_symbols(value, name)),
        serde_json::Value::Array(items) => items.iter().find_map(|value| enum_symbols(value, name)),
        _ => None,
    }
}

/// A golden record: what people see, and what every program in any language must write for this trade.
#[test]
fn a_trade_looks_like_this() {
    let lot = TradeId::new("OMS", "T-0").expect("two names");
    let terms = Terms {
        contract: Some(ContractId::new("EQ-001").expect("a name")),
        side: Side::Sell,
        quantity: "1000.5".parse().expect("a number"),
        price: "155.25".parse().expect("a number"),
        currency: Currency::new("USD").expect("in the table"),
        trade_date: NaiveDate::from_ymd_opt(2026, 1, 5).expect("a date"),
        exec_time: Timestamp(1_767_621_600_000_001),
        source_seq: 7,
        settle_date: None,
        relief: Some(Box::new(Instruction::Lots(vec![(lot, "1000.5".parse().expect("a number"))]))),
    };
    let trade = Trade {
        key: PositionKey::new("ACC_1", "BOOK", "AAPL").expect("three names"),
        id: TradeId::new("OMS", "T-1").expect("two names"),
        version: 1,
        event: TradeEvent::New(terms.checked().expect("sound")),
    };
    let mut record = Vec::new();
    let schemas = Schemas::embedded();
    schemas.encode(&trade, None, &mut record).expect("it fits");
    let shown = view::record(&schemas, &record).expect("sound");
    assert_eq!(
        shown,
        serde_json::json!({
            "cause": null, "account": "ACC_1", "book": "BOOK", "security": "AAPL", "source": "OMS", "trade_id": "T-1",
            "version": 1, "event": "NEW",
            "terms": {
                "contract_id": "EQ-001", "side": "SELL", "quantity": "1000.5", "price": "155.25", "currency": "USD",
                "trade_date": "2026-01-05", "exec_time": "2026-01-05T14:00:00.000001Z", "source_seq": 7,
                "settle_date": null,
                "relief": {"method": null, "lots": [{"lot": "OMS|T-0", "quantity": "1000.5"}]}
            },
            "rebook": null,
            "lot": null
        })
    );
    let body: String = record[HEADER_BYTES..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        body,
        "000a4143435f3108424f4f4b084141504c064f4d5306542d31020202\
         020c45512d303031040c0919787892000c01697836050006555344d4bf0282e085998fe9a3060e000200020e4f4d537c542d300c091978789200000000"
    );
}
