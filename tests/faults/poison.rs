//! Poison beyond that of `generate`: a new trade, sound but for one field or its frame.

use bookflow::domain::trade::captured::Place;
use bookflow::domain::trade::{Terms, Trade, TradeEvent};
use bookflow::messages::framing::HEADER_BYTES;
use bookflow::messages::schemas::{SchemaName, Schemas};
use bookflow::messages::wire::Encoder;

/// A trade as it is written, before anybody has read it.
struct Fields {
    account: String,
    source: String,
    version: i64,
    event: i64,
    side: i64,
    /// Two's complement, of scale 10.
    quantity: Vec<u8>,
    price: Vec<u8>,
    currency: String,
    /// Since 1970.
    trade_day: i64,
    terms: bool,
}

/// What may be wrong with a field.
const FIELDS: [fn(&mut Fields); 15] = [
    |of| of.account = "A".repeat(10_000),
    |of| of.account.clear(),
    |of| of.source = "O|S".into(),
    |of| of.version = 0,
    |of| of.version = -1,
    |of| of.version = 1 << 40,
    |of| of.event = 5, // REBOOK_IN, without where it comes from
    |of| of.side = 0,  // UNKNOWN
    |of| of.side = 9,
    |of| of.quantity = vec![0],
    |of| of.quantity = vec![0x7f; 12], // 29 digits, one too many
    |of| of.price = vec![0xff],
    |of| of.currency = "dollars".into(),
    |of| of.trade_day = i64::from(i32::MAX), // some five million years on
    |of| of.terms = false,
];

/// What may be wrong with a whole record that is well framed.
const FRAMES: [fn(&mut Vec<u8>, &Schemas); 4] = [
    |value, _| value.truncate(3),
    |value, _| value.truncate(HEADER_BYTES),
    |value, schemas| {
        let mut lot = Vec::new();
        schemas.frame(SchemaName::Lot, &mut lot);
        value[..HEADER_BYTES].copy_from_slice(&lot);
    },
    |value, _| {
        value.truncate(HEADER_BYTES + 1); // the cause
        value.extend_from_slice(&[0xff; 64]); // a number that does not end
    },
];

pub const KINDS: usize = FIELDS.len() + FRAMES.len();

/// One of them, instead of this trade.
pub fn of(trade: &Trade, kind: usize, schemas: &Schemas) -> Vec<u8> {
    let TradeEvent::New(terms) = &trade.event else { panic!("poison is made of new trades: {trade:?}") };
    let mut fields = Fields {
        account: trade.key.account().into_owned(),
        source: trade.id.source().to_owned(),
        version: 1,
        event: 1, // NEW
        side: 1,
        quantity: 10_000_000_000_i64.to_be_bytes().into(),
        price: 10_000_000_000_i64.to_be_bytes().into(),
        currency: "USD".into(),
        trade_day: 19_730,
        terms: true,
    };
    let (field, frame) = (FIELDS.get(kind), kind.checked_sub(FIELDS.len()).map(|frame| FRAMES[frame]));
    field.into_iter().for_each(|damage| damage(&mut fields));
    let mut value = Vec::new();
    schemas.frame(SchemaName::Trade, &mut value);
    write(&fields, trade, terms, &mut Encoder::new(&mut value));
    frame.into_iter().for_each(|damage| damage(&mut value, schemas));
    value
}

fn write(fields: &Fields, trade: &Trade, terms: &Terms, out: &mut Encoder) {
    out.optional(None::<Place>, |_, _| {}); // no cause
    out.text(&fields.account);
    out.text(&trade.key.book());
    out.text(&trade.key.security());
    out.text(&fields.source);
    out.text(trade.id.trade_id());
    out.long(fields.version);
    out.long(fields.event);
    out.optional(fields.terms.then_some(terms), |out, terms| {
        out.contract(terms.contract.as_ref());
        out.long(fields.side);
        out.bytes(&fields.quantity);
        out.bytes(&fields.price);
        out.text(&fields.currency);
        out.long(fields.trade_day);
        out.instant(terms.exec_time);
        out.count(terms.source_seq);
        out.optional(terms.settle_date, Encoder::date);
        out.optional(None::<Place>, |_, _| {}); // no order for its close
    });
    out.optional(None::<Place>, |_, _| {}); // no rebook
    out.optional(None::<Place>, |_, _| {}); // no lot
}

#[test]
fn each_is_refused_for_what_is_wrong_with_it() {
    use bookflow::cli::generate::load::Load;
    use bookflow::cli::generate::trades::Generated;
    let schemas = Schemas::embedded();
    let first = Load::new(1, 1).trades().expect("a load").next();
    let Some(Generated::Trade(trade)) = first else { panic!("a trade is first") };
    let reasons: Vec<_> = (0..KINDS)
        .map(|kind| match schemas.decode::<Trade>(&of(&trade, kind, &schemas)) {
            Err(reason) => reason.to_string(),
            Ok((_, trade)) => format!("{trade:?}"),
        })
        .collect();
    let read = reasons.iter().filter(|reason| reason.starts_with("Trade")).count();
    assert_eq!(read, 1, "version 0 alone can be read, and is refused then: {reasons:#?}");
}
