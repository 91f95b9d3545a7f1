//! How long answers took, by the times that records bear.

use std::collections::HashMap;
use std::time::Duration;

use bookflow::cli::verify::cursor::{Cursor, decode};
use bookflow::engine::batch::Record;
use bookflow::engine::broker::{Broker, TopicPartition};
use bookflow::messages::blotter::BlotterRow;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::{BLOTTER, TRADES};

use crate::scene::PARTITIONS;

/// By partition how many trades were answered, those of its first `warm_up` aside, and in which time 99 of 100.
pub fn p99(broker: &dyn Broker, schemas: &Schemas, warm_up: Duration) -> Vec<(usize, Duration)> {
    let of_partition = |partition| {
        let mut sent = HashMap::new();
        each(broker, TopicPartition { topic: TRADES, partition }, |trade| {
            sent.insert(trade.offset, trade.timestamp_us);
        });
        let warm = sent.values().min().expect("a trade") + warm_up.as_micros() as i64;
        let mut took = Vec::new();
        each(broker, TopicPartition { topic: BLOTTER, partition }, |record| {
            let (_, row) = decode::<BlotterRow>(schemas, record).expect("the registry answers").expect("a row");
            let asked = sent[&row.answer.place.offset];
            if asked > warm && row.answer.released_by.is_none() {
                took.push(Duration::from_micros((record.timestamp_us - asked).max(0) as u64));
            }
        });
        took.sort();
        (took.len(), took[took.len() * 99 / 100])
    };
    (0..PARTITIONS).map(of_partition).collect()
}

/// Every record of a partition that can be seen.
pub fn each(broker: &dyn Broker, partition: TopicPartition, mut take: impl FnMut(&Record)) {
    let bounds = broker.reader().expect("a reader").bounds(partition).expect("it exists");
    let mut cursor = Cursor::open(broker, partition, bounds.start, bounds.end).expect("it can be read");
    while let Some(record) = cursor.peek().expect("a record") {
        take(&record);
        cursor.step();
    }
}
