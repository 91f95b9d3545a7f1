//! Kafka's clients as they come: with the way to the cluster, and nothing of ours.

use rdkafka::config::ClientConfig;

use crate::cli::config::Config;

pub fn client(config: &Config) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &config.kafka.bootstrap);
    for (name, value) in &config.kafka.properties {
        client.set(name, value.reveal());
    }
    client
}
