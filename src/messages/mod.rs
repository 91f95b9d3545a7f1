//! What travels: Avro wire forms stay private here; the rest of the code sees domain values.
