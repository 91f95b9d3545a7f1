//! Records in another version of a schema: checked byte by byte, then brought into our own version by Avro's rules.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;

use crate::messages::schemas::Undecodable;
use crate::messages::{compatibility, view};

/// The body as a writer with `reader` for its schema would have written it.
///
/// Ten times slower than reading our own version: it serves the days on which two versions run side by side.
pub fn resolve(
    writer: &Schema,
    reader: &Schema,
    body: &[u8],
    incompatible: impl Fn(String) -> Undecodable,
) -> Result<Vec<u8>, Undecodable> {
    if let Some(difference) = compatibility::can_read(writer, reader).into_iter().next() {
        return Err(incompatible(difference.to_string()));
    }
    // The Avro library takes what is cut short for null, and a large count at its word: look first.
    view::body(writer, body)?;
    let resolved = || -> apache_avro::AvroResult<Vec<u8>> {
        let value = GenericDatumReader::builder(writer).reader_schema(reader).build()?.read_value(&mut &body[..])?;
        GenericDatumWriter::builder(reader).build()?.write_value_to_vec(value)
    };
    resolved().map_err(|error| incompatible(error.to_string()))
}
