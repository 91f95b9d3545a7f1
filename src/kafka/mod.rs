//! The Broker port on Apache Kafka (rdkafka), admin, schema registry.
