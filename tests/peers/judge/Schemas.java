/** Avro by the schemas of the registry: bytes to generic records, and plain maps to bytes. */

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.util.Utf8;

final class Schemas {
    /** Magic byte and schema id in front of every record. */
    private static final int HEADER = 5;
    private final String registry;
    private final HttpClient http = HttpClient.newHttpClient();
    private final Map<Integer, Optional<Schema>> known = new HashMap<>();

    static final class Unreadable extends Exception {
        Unreadable(String why) {
            super(why);
        }
    }

    Schemas(String registry) {
        this.registry = registry;
    }

    static int idOf(byte[] record) {
        return ByteBuffer.wrap(record).getInt(1);
    }

    /** All of the bytes, and nothing after them. */
    GenericRecord decode(byte[] record) throws Unreadable {
        if (record == null || record.length < HEADER || record[0] != 0) {
            throw new Unreadable("not framed");
        }
        Schema schema = schema(idOf(record)).orElseThrow(() -> new Unreadable("unknown schema"));
        try {
            var decoder = DecoderFactory.get().binaryDecoder(record, HEADER, record.length - HEADER, null);
            GenericRecord read = new GenericDatumReader<GenericRecord>(schema).read(null, decoder);
            if (!decoder.isEnd()) {
                throw new Unreadable("bytes after the end");
            }
            return read;
        } catch (IOException | RuntimeException error) {
            throw new Unreadable(error.toString());
        }
    }

    byte[] encode(int id, Map<String, Object> fields) throws IOException {
        Schema schema = schema(id).orElseThrow(() -> new IOException("the registry does not know schema " + id));
        var out = new ByteArrayOutputStream();
        out.write(0);
        out.write(ByteBuffer.allocate(4).putInt(id).array());
        var encoder = EncoderFactory.get().binaryEncoder(out, null);
        new GenericDatumWriter<>(schema).write(built(schema, fields), encoder);
        encoder.flush();
        return out.toByteArray();
    }

    /** As UTF-8 that is really UTF-8. */
    static String text(Object value) throws Unreadable {
        try {
            var utf8 = (Utf8) value;
            var bytes = ByteBuffer.wrap(utf8.getBytes(), 0, utf8.getByteLength());
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException error) {
            throw new Unreadable(error.toString());
        }
    }

    /** Maps become records, numbers with ten decimals become bytes; what a map leaves out takes the schema's default. */
    private static Object built(Schema schema, Object value) {
        return switch (schema.getType()) {
            case UNION -> value == null ? null : built(schema.getTypes().get(1), value);
            case RECORD -> value instanceof GenericRecord found ? found : record(schema, (Map<?, ?>) value);
            case ARRAY -> ((List<?>) value).stream().map(item -> built(schema.getElementType(), item)).toList();
            case ENUM -> new GenericData.EnumSymbol(schema, value.toString());
            case FIXED -> new GenericData.Fixed(schema, (byte[]) value);
            case BYTES -> ByteBuffer.wrap(((BigDecimal) value).setScale(Terms.SCALE).unscaledValue().toByteArray());
            default -> value;
        };
    }

    private static GenericRecord record(Schema schema, Map<?, ?> fields) {
        var record = new GenericRecordBuilder(schema);
        for (Schema.Field field : schema.getFields()) {
            if (fields.containsKey(field.name())) {
                record.set(field, built(field.schema(), fields.get(field.name())));
            }
        }
        return record.build();
    }

    private Optional<Schema> schema(int id) {
        return known.computeIfAbsent(id, this::ask);
    }

    private Optional<Schema> ask(int id) {
        try {
            var request = HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id)).build();
            var answer = http.send(request, HttpResponse.BodyHandlers.ofString());
            return switch (answer.statusCode()) {
                case 200 -> Optional.of(new Schema.Parser().parse(new ObjectMapper().readTree(answer.body()).get("schema").asText()));
                case 404 -> Optional.empty();
                default -> throw new IllegalStateException("registry: " + answer.statusCode() + " " + answer.body());
            };
        } catch (IOException | InterruptedException error) {
            throw new IllegalStateException("the registry at " + registry + " does not answer", error);
        }
    }
}
