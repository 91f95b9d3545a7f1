//! What cannot be calculated leaves a row and stops nothing else; what only looks odd is a warning.

use bookflow::domain::jobs::job::Ending;
use bookflow::messages::request::{RequestError, read_contracts, read_request};
use serde_json::{Value, json};

use crate::run::{closing, contract, lot, one, position, request, run};

const NO_ROWS: [&str; 0] = [];

fn plain() -> Value {
    json!([lot("L1", 100, "120", "2024-01-10", "2024-01-12")])
}

#[test]
fn one_bad_contract_is_one_row_and_the_others_are_calculated() {
    for (pointer, value, problem) in [
        ("/positions/0/lots/0/quantity", json!("ten"), "contractPositions[1].positions[0].lots[0].quantity"),
        ("/positions/0/lots/0/quantity", json!(null), "contractPositions[1].positions[0].lots[0].quantity"),
        ("/positions/0/lots/0/costPrice", json!(-1), "contractPositions[1].positions[0].lots[0].costPrice"),
        (
            "/positions/0/lots/0/costPrice",
            json!("0.12345678901"),
            "contractPositions[1].positions[0].lots[0].costPrice",
        ),
        ("/positions/0/lots/0/quantity", json!("1e18"), "contractPositions[1].positions[0].lots[0].quantity"),
        ("/positions/0/lots/0/costDate", json!("2024-02-30"), "contractPositions[1].positions[0].lots[0].costDate"),
        (
            "/positions/0/lots/0/settlementDate",
            json!("2024-01-09"),
            "contractPositions[1].positions[0].lots[0].settlementDate",
        ),
        ("/positions/0/lots/0/lotType", json!("LOT"), "contractPositions[1].positions[0].lots[0].lotType"),
        ("/positions/0/lots/0/lotId", json!(""), "contractPositions[1].positions[0].lots[0].lotId"),
        ("/positions/0/lots/0", json!([1]), "contractPositions[1].positions[0].lots[0]"),
        ("/positions/0/lots", json!("none"), "contractPositions[1].positions[0].lots"),
        ("/positions/0/positionId", json!(7), "contractPositions[1].positions[0].positionId"),
        ("/currency", json!("US$"), "contractPositions[1].currency"),
        ("/startDate", json!(null), "contractPositions[1].startDate"),
    ] {
        let good = contract("C1", json!([position("P1", "EQUITY_LEG", plain())]));
        let mut bad = contract("C2", json!([position("P1", "EQUITY_LEG", plain())]));
        *bad.pointer_mut(pointer).expect("the test names a value") = value.clone();
        let mut after = good.clone();
        after["contractId"] = "C3".into();
        let run = run(&request("2024-06-28", json!([good, bad, after])));
        assert_eq!(run.rows(), [format!("UNREADABLE C2// {problem}")], "{value}");
        assert_eq!(run.total(), 600_000, "{value}");
        assert_eq!(run.outcome.ending, Ending::CompletedWithErrors);
    }
}

#[test]
fn a_contract_that_is_no_object_is_a_row_without_a_name() {
    let good = contract("C1", json!([position("P1", "EQUITY_LEG", plain())]));
    let run = run(&request("2024-06-28", json!([5, good])));
    assert_eq!(run.rows(), ["UNREADABLE // contractPositions[0]"]);
    assert_eq!(run.total(), 300_000);
}

#[test]
fn bytes_that_are_no_text_are_a_row_of_their_contract() {
    let [first, second] = ["C1", "C2"].map(|id| contract(id, json!([position("P1", "EQUITY_LEG", plain())])));
    let mut bytes = request("2024-06-28", json!([first, second])).to_string().into_bytes();
    let at = bytes.windows(4).position(|window| window == b"\"L1\"").expect("the first lot");
    bytes[at + 1] = 0xff;
    read_request(&bytes[..]).expect("what stands around the contracts is text");
    let mut told = Vec::new();
    let read = read_contracts(&bytes[..], |contract| -> Result<(), String> {
        told.push(contract.map(|(contract, _)| contract.id.to_string()).map_err(|row| row.field.to_string()));
        Ok(())
    });
    read.expect("the others can be read");
    assert_eq!(told.len(), 2);
    assert!(told[0].as_ref().is_err_and(|field| field.starts_with("contractPositions[0]")), "{told:?}");
    assert_eq!(told[1].as_deref(), Ok("C2"));
}

#[test]
fn a_missing_price_blocks_its_lots_and_nothing_else() {
    let mut other = position("P2", "EQUITY_LEG", plain());
    other["underlying"] = "IBM".into();
    let run =
        run(&request("2024-06-28", json!([contract("C1", json!([other, position("P1", "EQUITY_LEG", plain())]))])));
    assert_eq!(run.rows(), ["MISSING_PRICE C1/P2/L1 underlying"]);
    assert_eq!(run.total(), 300_000);
}

#[test]
fn a_price_of_a_later_day_is_no_price() {
    let mut request = request("2024-06-28", one("EQUITY_LEG", plain()));
    request["marketData"]["data"]["securities"][0]["baseDate"] = "2024-06-29".into();
    assert_eq!(run(&request).rows(), ["MISSING_PRICE C1/P1/L1 underlying"]);
    request["marketData"]["data"]["securities"][0]["changes"] = json!([{ "date": "2024-06-29", "price": 9 }, { "date": "2024-06-28", "price": 151 }, { "date": "2024-06-01", "price": 8 }]);
    assert_eq!(run(&request).total(), 310_000);
}

#[test]
fn a_lot_that_is_closed_needs_no_price() {
    let mut lots = plain();
    lots.as_array_mut().expect("a list").push(closing("X1", -100, "130", "2024-03-01", "2024-03-05"));
    let mut request = request("2024-06-28", one("EQUITY_LEG", lots));
    request["marketData"]["data"]["securities"] = json!([]);
    assert_eq!((run(&request).total(), run(&request).rows()), (100_000, vec![]));
}

#[test]
fn an_index_that_is_not_loaded_or_a_percentage_is_refused() {
    let mut request = request("2024-06-28", one("INTEREST_LEG", plain()));
    request["marketData"]["data"]["rates"][0]["baseRate"] = 5.25.into();
    let percent = run(&request);
    assert_eq!(percent.rows(), ["RATE_UNIT C1/P1/L1 index"]);
    assert_eq!(percent.outcome.rows[0].message, "5.25: percent? write 0.0525");
    request["marketData"]["data"]["rates"][0]["index"] = "ESTR".into();
    assert_eq!(run(&request).rows(), ["MISSING_FIXING C1/P1/L1 index"]);
    assert_eq!(run(&request).flows.len(), 0);
}

#[test]
fn what_is_not_supported_is_named_and_the_rest_is_calculated() {
    let legs = json!([position("P1", "CURRENCY_LEG", plain()), position("P2", "EQUITY_LEG", plain())]);
    assert_eq!(run(&request("2024-06-28", json!([contract("C1", legs)]))).rows(), ["UNSUPPORTED C1/P1/ type"]);
    for product in ["EQUITY_FORWARD", "EQUITY_OPTION", "BOND", "SWAPTION"] {
        let mut contracts = one("EQUITY_LEG", plain());
        contracts[0]["type"] = product.into();
        let run = run(&request("2024-06-28", contracts));
        assert_eq!((run.rows(), run.total()), (vec!["UNSUPPORTED C1// type".to_owned()], 300_000));
        assert!(run.outcome.rows[0].message.contains(product));
    }
}

#[test]
fn a_row_repeats_no_more_of_a_text_than_tells_it() {
    let endless = "x".repeat(100_000);
    let mut close = closing("X1", -10, "130", "2024-03-01", "2024-03-05");
    close["unwindingMethod"] = endless.as_str().into();
    let mut elsewhere = lot("L2", 7, "120", "2024-01-10", "2024-01-12");
    elsewhere["underlying"] = endless.as_str().into();
    let lots = json!([lot("L1", 100, "120", "2024-01-10", "2024-01-12"), close, elsewhere]);
    let mut contracts =
        json!([contract("C1", json!([position("P1", "EQUITY_LEG", lots), position("P2", &endless, plain())]))]);
    contracts[0]["type"] = endless.as_str().into();
    let run = run(&request("2024-06-28", contracts));
    assert_eq!(
        run.rows(),
        [
            "UNSUPPORTED C1// type",
            "LOT_ELSEWHERE C1/P1/L2 underlying",
            "UNSUPPORTED C1/P1/X1 unwindingMethod",
            "UNSUPPORTED C1/P2/ type",
        ]
    );
    assert!(run.outcome.rows.iter().all(|row| row.message.len() < 300));
}

#[test]
fn an_interest_leg_that_may_mean_several_things_is_refused() {
    for (field, value, problem) in [
        ("dayCount", json!("ACT_ACT"), "`ACT_ACT` is unknown or may mean several; allowed: ACT/360, "),
        ("dayCount", json!("ACT/ACT.ICMA"), "`ACT/ACT.ICMA` is unknown or may mean several; allowed: ACT/360, "),
        ("resetFrequency", json!("QUARTERLY"), "`QUARTERLY` is unknown; allowed: DAILY"),
        ("rateType", json!("RANGE"), "`RANGE` is unknown; allowed: FLOATING, FIXED"),
        ("rateType", json!("FIXED"), "missing"), // the fixed rate
        ("spread", json!("1.5"), "1.5: percent? write 0.015"),
    ] {
        let mut contracts = one("INTEREST_LEG", plain());
        contracts[0]["positions"][0]["interestLeg"] = json!({ field: value });
        let run = run(&request("2024-06-28", contracts));
        let field = if problem == "missing" { "fixedRate" } else { field };
        assert_eq!(run.rows(), [format!("UNREADABLE C1// contractPositions[0].positions[0].interestLeg.{field}")]);
        assert!(run.outcome.rows[0].message.starts_with(problem), "{}", run.outcome.rows[0].message);
    }
}

#[test]
fn an_unknown_unwinding_method_blocks_its_position() {
    let mut close = closing("X1", -10, "130", "2024-03-01", "2024-03-05");
    close["unwindingMethod"] = "RANDOM".into();
    let lots = json!([lot("L1", 100, "120", "2024-01-10", "2024-01-12"), close]);
    let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
    assert_eq!((run.rows(), run.flows.len()), (vec!["UNSUPPORTED C1/P1/X1 unwindingMethod".to_owned()], 0));
}

#[test]
fn closing_more_than_is_open_is_an_error_with_the_rest() {
    let lots = json!([
        lot("L1", 100, "120", "2024-01-10", "2024-01-12"),
        closing("X1", -130, "130", "2024-03-01", "2024-03-05")
    ]);
    let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
    assert_eq!((run.rows(), run.total()), (vec!["NOTHING_TO_CLOSE C1/P1/X1 quantity".to_owned()], 100_000));
    assert!(run.outcome.rows[0].message.starts_with("30 of this closing lot"));
}

#[test]
fn an_id_that_comes_twice_is_counted_once() {
    let lots =
        json!([lot("L1", 100, "120", "2024-01-10", "2024-01-12"), lot("L1", 7, "120", "2024-01-10", "2024-01-12")]);
    let twice = json!([position("P1", "EQUITY_LEG", lots), position("P1", "EQUITY_LEG", plain())]);
    let run = run(&request("2024-06-28", json!([contract("C1", twice.clone()), contract("C1", twice)])));
    assert_eq!(
        run.rows(),
        ["DUPLICATE_ID C1// contractId", "DUPLICATE_ID C1/P1/ positionId", "DUPLICATE_ID C1/P1/L1 lotId"]
    );
    assert_eq!(run.total(), 300_000);
}

#[test]
fn a_lot_that_names_another_contract_is_not_counted() {
    for (field, value, counted) in [
        ("contractId", "C1", true),
        ("contractId", "P1", true), // what the replaced service made its users write
        ("contractId", "C2", false),
        ("positionId", "P2", false),
        ("underlying", "IBM", false),
    ] {
        let mut lots = plain();
        lots[0][field] = value.into();
        let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
        assert_eq!(run.flows.len(), usize::from(counted), "{field} {value}");
        assert_eq!(run.rows(), if counted { vec![] } else { vec![format!("LOT_ELSEWHERE C1/P1/L1 {field}")] });
    }
}

#[test]
fn amounts_beyond_all_numbers_are_refused() {
    let lots = json!([lot("L1", 999_999_999_999_999_999, "999999999999999999", "2024-01-10", "2024-01-12")]);
    for leg in ["EQUITY_LEG", "INTEREST_LEG"] {
        let run = run(&request("2024-06-28", one(leg, lots.clone())));
        assert_eq!(run.flows.len(), 0);
        assert!(run.rows()[0].starts_with("OUT_OF_RANGE C1/P1/L1"), "{:?}", run.rows());
    }
}

#[test]
fn odd_dates_and_notionals_are_warnings_with_both_numbers() {
    let mut contracts = one("EQUITY_LEG", json!([lot("L1", 100, "120", "2024-01-10", "2024-01-13")]));
    contracts[0]["totalNotionalAmount"] = 12_000.into();
    contracts[0]["positions"][0]["notionalAmount"] = 500_000.5.into();
    contracts[0]["endDate"] = "2024-05-31".into();
    let mut request = request("2024-06-28", contracts);
    request["dateRange"] = json!({ "fromDate": "2024-01-01", "toDate": "2024-06-27" });
    let run = run(&request);
    assert_eq!(
        run.rows(),
        [
            "RANGE_EXCLUDES_VALUATION_DATE // dateRange",
            "OUTSIDE_CONTRACT C1// endDate",
            "NOTIONAL_DIFFERS C1/P1/ notionalAmount",
            "WEEKEND_SETTLEMENT C1/P1/L1 settlementDate"
        ]
    );
    assert!(run.outcome.rows[2].message.contains("500000.5") && run.outcome.rows[2].message.contains("12000"));
    assert_eq!((run.outcome.ending.clone(), run.total()), (Ending::Completed, 300_000));
}

#[test]
fn a_closed_lot_is_not_counted_and_said_so() {
    let mut lots =
        json!([lot("L1", 100, "120", "2024-01-10", "2024-01-12"), lot("L2", 100, "120", "2024-01-10", "2024-01-12")]);
    lots[1]["status"] = "CLOSED".into();
    let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
    assert_eq!((run.rows(), run.total()), (vec!["LOT_NOT_ACTIVE C1/P1/L2 status".to_owned()], 300_000));
}

#[test]
fn market_data_that_cannot_be_read_leaves_its_name_out() {
    let both = json!([position("P1", "EQUITY_LEG", plain()), position("P2", "DIVIDEND_LEG", plain())]);
    let mut request = request("2024-06-28", json!([contract("C1", both)]));
    request["marketData"]["data"]["securities"][0]["changes"] =
        json!([{ "date": "2024-06-01", "price": 1 }, { "date": "2024-06-01", "price": 2 }]);
    request["marketData"]["data"]["dividends"][0]["dividends"][0]["exDate"] = json!(null);
    let run = run(&request);
    assert_eq!(
        run.rows(),
        [
            "UNREADABLE // marketData.data.dividends[0].dividends[0].exDate",
            "UNREADABLE // marketData.data.securities[0].changes",
            "MISSING_PRICE C1/P1/L1 underlying",
            "NO_DIVIDENDS C1/P2/ underlying"
        ]
    );
    assert_eq!(run.flows.len(), 0);
}

#[test]
fn a_rate_of_tax_is_in_percent_and_has_a_known_treatment() {
    for (field, value, problem) in [
        ("withholdingTaxRate", json!(0.15), "0.15: a fraction? write 15"),
        ("withholdingTaxRate", json!(100), "100 leaves nothing; allowed: below 100"),
        ("withholdingTaxRate", json!(-15), "-15"),
        (
            "withholdingTreatment",
            json!("NET"),
            "`NET` is unknown; allowed: GROSS_UP, NET_AMOUNT, NO_WITHHOLDING, TAX_CREDIT",
        ),
    ] {
        let mut request = request("2024-06-28", one("DIVIDEND_LEG", plain()));
        request["marketData"]["data"]["dividends"][0]["dividends"][0][field] = value;
        let run = run(&request);
        assert_eq!(run.rows()[0], format!("UNREADABLE // marketData.data.dividends[0].dividends[0].{field}"));
        let message = &run.outcome.rows[0].message;
        assert!(message.contains(problem), "{message}");
        assert_eq!(run.flows.len(), 0);
    }
}

#[test]
fn a_request_that_says_too_little_is_refused_with_the_path() {
    for (pointer, value, problem) in [
        ("/requestId", json!(null), "requestId: missing"),
        (
            "/calculationDate",
            json!("15.01.2024"),
            "calculationDate: `15.01.2024` is not a date; write it as 2024-01-31",
        ),
        (
            "/calculationType",
            json!("HISTORICAL_RECALCULATION"),
            "dateRange: missing; HISTORICAL_RECALCULATION values each of its days",
        ),
        (
            "/calculationType",
            json!("FAST"),
            "calculationType: `FAST` is unknown; allowed: REAL_TIME_PROCESSING, BATCH_PROCESSING, INCREMENTAL_UPDATE, HISTORICAL_RECALCULATION",
        ),
        (
            "/marketDataStrategy/mode",
            json!("BROKER"),
            "marketDataStrategy.mode: `BROKER` is unknown; allowed: SELF_CONTAINED, HYBRID, ENDPOINTS",
        ),
    ] {
        let mut request = request("2024-06-28", json!([]));
        *request.pointer_mut(pointer).expect("the test names a value") = value;
        let error = read_request(request.to_string().as_bytes()).expect_err("the request is refused");
        assert_eq!(error.to_string(), problem);
    }
    let without = json!({ "requestId": "J", "calculationDate": "2024-01-15", "calculationType": "BATCH_PROCESSING" });
    let error = read_request(without.to_string().as_bytes()).expect_err("the request is refused");
    assert_eq!(error.to_string(), "contractPositions: missing");
}

#[test]
fn a_document_that_is_cut_off_anywhere_is_refused_before_any_contract() {
    let whole = request("2024-06-28", one("EQUITY_LEG", plain())).to_string();
    read_request(whole.as_bytes()).expect("the whole document can be read");
    for length in 0..whole.len() {
        let error = read_request(&whole.as_bytes()[..length]).expect_err("a part is refused");
        assert!(matches!(error, RequestError::Malformed { .. }), "{length}: {error}");
    }
    let more = format!("{whole} {{");
    assert!(matches!(read_request(more.as_bytes()), Err(RequestError::Malformed { .. })));
}

#[test]
fn the_order_of_the_document_does_not_matter() {
    let request = request("2024-06-28", one("EQUITY_LEG", plain()));
    let members =
        ["marketData", "calculationType", "contractPositions", "calculationDate", "marketDataStrategy", "requestId"];
    let reordered: Vec<String> = members.iter().map(|name| format!("\"{name}\" : {}", request[*name])).collect();
    let text = format!("{{{}}}", reordered.join(" ,\n"));
    let read = read_request(text.as_bytes()).expect("the request can be read");
    assert_eq!(read.contracts, 1);
    assert_eq!(read.market, read_request(request.to_string().as_bytes()).expect("the request can be read").market);
}

#[test]
fn names_with_escapes_and_numbers_with_exponents_are_read_exactly() {
    let mut lots = plain();
    lots[0]["lotId"] = "L\"1\\ é]}".into();
    lots[0]["quantity"] = "1.00E+2".into();
    let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
    assert_eq!(run.rows(), NO_ROWS);
    assert_eq!(run.amounts()[0].0, "L\"1\\ é]}");
    assert_eq!(run.total(), 300_000);
}
