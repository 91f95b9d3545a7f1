/** One version of a trade as its record says it. */

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.math.BigDecimal;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Optional;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.utils.Utils;

/** `other` is the other position of a rebook. */
record Trade(Place cause, String key, String id, int version, Event event, Terms terms, String other) {
    static final int PART_LENGTH = 50;
    static final int ID_LENGTH = 100;

    /** In the order of the content hash's tags. */
    enum Event { NEW, AMEND, CANCEL, REBOOK, REBOOK_IN, FORCE }

    /** Empty for a record that is no trade, or is not where its key belongs. */
    static Optional<Trade> read(ConsumerRecord<byte[], byte[]> record, Schemas schemas, int partitions) {
        try {
            Trade trade = of(schemas.decode(record.value()));
            byte[] key = trade.key.getBytes(StandardCharsets.UTF_8);
            boolean home = Utils.toPositive(Utils.murmur2(key)) % partitions == record.partition();
            boolean internal = trade.event == Event.REBOOK_IN && trade.cause == null;
            return Arrays.equals(key, record.key()) && home && !internal ? Optional.of(trade) : Optional.empty();
        } catch (Schemas.Unreadable unreadable) {
            return Optional.empty();
        }
    }

    private static Trade of(GenericRecord fields) throws Schemas.Unreadable {
        String symbol = fields.get("event").toString();
        if (symbol.equals("UNKNOWN") || symbol.startsWith("LOT_")) {
            throw new Schemas.Unreadable("no version of a trade");
        }
        Event event = Event.valueOf(symbol);
        String source = name(fields.get("source"), PART_LENGTH);
        if (source.contains("|")) {
            throw new Schemas.Unreadable("a source with |");
        }
        var terms = (GenericRecord) fields.get("terms");
        var other = (GenericRecord) fields.get("rebook");
        boolean rebook = event == Event.REBOOK || event == Event.REBOOK_IN;
        if ((terms != null) != (rebook || event == Event.NEW || event == Event.AMEND) || (other != null) != rebook) {
            throw new Schemas.Unreadable("terms or rebook missing, or too many of them");
        }
        int version = (int) fields.get("version");
        if (version < 0) {
            throw new Schemas.Unreadable("version below zero");
        }
        var cause = (GenericRecord) fields.get("cause");
        return new Trade(
                cause == null ? null : new Place((int) cause.get("topic"), (int) cause.get("partition"), (long) cause.get("offset")),
                key(fields), source + "|" + name(fields.get("trade_id"), ID_LENGTH), version, event,
                terms == null ? null : Terms.read(terms), other == null ? null : key(other));
    }

    /** The same trade as a rebook makes it up, before it is sent. */
    Trade without(Place cause) {
        return new Trade(null, key, id, version, event, terms, other);
    }

    /** 16 bytes over everything that makes the content of a version. */
    byte[] content() {
        try {
            var hash = MessageDigest.getInstance("SHA-256");
            hash.update((byte) (event.ordinal() + 1));
            if (event == Event.REBOOK || event == Event.REBOOK_IN) {
                text(hash, other);
            }
            if (terms != null) {
                terms(hash);
            }
            return Arrays.copyOf(hash.digest(), 16);
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    private void terms(MessageDigest hash) {
        hash.update((byte) (terms.contract() == null ? 0 : 1));
        if (terms.contract() != null) {
            text(hash, terms.contract());
        }
        hash.update((byte) (terms.buy() ? 1 : 2));
        decimal(hash, terms.quantity());
        decimal(hash, terms.price());
        text(hash, terms.currency());
        hash.update(ByteBuffer.allocate(4).putInt(terms.tradeDate()).array());
        hash.update(ByteBuffer.allocate(16).putLong(terms.execTime()).putLong(terms.sourceSeq()).array());
        hash.update((byte) (terms.settleDate() == null ? 0 : 1));
        if (terms.settleDate() != null) {
            hash.update(ByteBuffer.allocate(4).putInt(terms.settleDate()).array());
        }
        Method.Order order = terms.order();
        if (order != null && order.method() != null) {
            hash.update(new byte[] {2, (byte) (order.method().ordinal() + 1)});
        } else if (order != null) {
            hash.update((byte) 3);
            for (Method.Listed listed : order.lots()) {
                text(hash, listed.lot());
                decimal(hash, listed.quantity());
            }
        }
    }

    private static void text(MessageDigest hash, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        hash.update(ByteBuffer.allocate(8).putLong(bytes.length).array());
        hash.update(bytes);
    }

    /** Sign, scale and 96 bits of the shortest spelling, each part least significant byte first. */
    private static void decimal(MessageDigest hash, BigDecimal number) {
        var shortest = number.stripTrailingZeros();
        shortest = shortest.scale() < 0 ? shortest.setScale(0) : shortest;
        var bytes = new byte[16];
        bytes[2] = (byte) shortest.scale();
        bytes[3] = (byte) (shortest.signum() < 0 ? 0x80 : 0);
        byte[] mantissa = shortest.unscaledValue().abs().toByteArray();
        for (int place = 0; place < Math.min(mantissa.length, 12); place++) {
            bytes[4 + place] = mantissa[mantissa.length - 1 - place];
        }
        hash.update(bytes);
    }

    /** A trade's name with its source in front. */
    static String id(String text) throws Schemas.Unreadable {
        int bar = text.indexOf('|');
        if (bar < 0) {
            throw new Schemas.Unreadable("not the name of a trade: " + text);
        }
        return name(text.substring(0, bar), PART_LENGTH) + "|" + name(text.substring(bar + 1), ID_LENGTH);
    }

    private static String key(GenericRecord parts) throws Schemas.Unreadable {
        return part(parts, "account") + "_" + part(parts, "book") + "_" + part(parts, "security");
    }

    private static String part(GenericRecord parts, String name) throws Schemas.Unreadable {
        return name(parts.get(name), PART_LENGTH).replace("%", "%25").replace("_", "%5F");
    }

    static String name(Object value, int longest) throws Schemas.Unreadable {
        String name = value instanceof String text ? text : Schemas.text(value);
        boolean fits = !name.isEmpty() && name.codePointCount(0, name.length()) <= longest;
        if (!fits || name.codePoints().anyMatch(Character::isISOControl)) {
            throw new Schemas.Unreadable("not a name: " + name);
        }
        return name;
    }
}
