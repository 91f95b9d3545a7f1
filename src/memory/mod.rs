//! The Broker port in process, with Kafka's transactions as they are.
