/** A new trade, read from its record by hand: no generic record, no text that is not needed. */

import java.util.Arrays;

final class Trade {
    /** Magic byte and schema id. */
    private static final int HEADER = 5;
    private static final int NEW = 1;
    private static final int BUY = 1;

    final byte[] record;
    private int at = HEADER;
    /** `source|trade_id` */
    final byte[] id;
    final int version;
    final int termsFrom;
    final int termsTo;
    final int contractFrom;
    final int contractTo;
    final boolean buy;
    /** In units of 10^-10. */
    final long quantity;
    final long price;
    final byte[] currency;
    final int datesFrom;
    final long tradeDate;
    final long execTime;
    final long sourceSeq;
    final int settleFrom;
    final int settleTo;

    /** Refuses what is no new trade of this key: the load of a comparison has nothing else. */
    Trade(byte[] key, byte[] record) {
        this.record = record;
        if (number() != 0) {
            throw new IllegalArgumentException("a record with a cause: the peer takes plain loads only");
        }
        int keyAt = part(key, 0, (byte) '_');
        keyAt = part(key, keyAt, (byte) '_');
        if (part(key, keyAt, (byte) 0) != key.length + 1) {
            throw new IllegalArgumentException("the key is another position's");
        }
        byte[] source = bytes();
        byte[] name = bytes();
        id = Arrays.copyOf(source, source.length + 1 + name.length);
        id[source.length] = '|';
        System.arraycopy(name, 0, id, source.length + 1, name.length);
        version = (int) number();
        if (number() != NEW || number() != 1) {
            throw new IllegalArgumentException("no new trade: the peer takes plain loads only");
        }
        termsFrom = at;
        contractFrom = at;
        if (number() == 1) {
            skip();
        }
        contractTo = at;
        buy = number() == BUY;
        quantity = decimal();
        price = decimal();
        currency = bytes();
        datesFrom = at;
        tradeDate = number();
        execTime = number();
        sourceSeq = number();
        settleFrom = at;
        if (number() == 1) {
            number();
        }
        settleTo = at;
        if (number() != 0) {
            throw new IllegalArgumentException("an order for a close: the peer takes plain loads only");
        }
        termsTo = at;
        if (number() != 0 || number() != 0 || at != record.length || quantity <= 0 || price < 0) {
            throw new IllegalArgumentException("a rebook, a lot or no trade: the peer takes plain loads only");
        }
    }

    /** Compares a part of the key with the record's text; names of generated loads need no encoding. */
    private int part(byte[] key, int from, byte end) {
        int length = (int) number();
        int to = from + length;
        if (!Arrays.equals(key, from, to, record, at, at + length) || (to < key.length && key[to] != end)) {
            throw new IllegalArgumentException("the key is another position's");
        }
        at += length;
        return to + 1;
    }

    private byte[] bytes() {
        int length = (int) number();
        at += length;
        return Arrays.copyOfRange(record, at - length, at);
    }

    private void skip() {
        int length = (int) number();
        at += length;
    }

    /** Of up to eight bytes: 900 million units with ten decimals. */
    private long decimal() {
        int length = (int) number();
        if (length < 1 || length > 8) {
            throw new IllegalArgumentException("a number beyond 64 bits");
        }
        long value = record[at];
        for (int next = 1; next < length; next++) {
            value = value << 8 | record[at + next] & 0xff;
        }
        at += length;
        return value;
    }

    private long number() {
        long zigzag = 0;
        for (int shift = 0; ; shift += 7) {
            byte next = record[at++];
            zigzag |= (long) (next & 0x7f) << shift;
            if (next >= 0) {
                return zigzag >>> 1 ^ -(zigzag & 1);
            }
        }
    }
}
