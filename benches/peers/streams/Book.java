/** A trade -> its answer, its position and its lots; each position is kept as an object beside the stores, so that they are hardly ever read. */

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Currency;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

final class Book implements Processor<byte[], byte[], byte[], byte[]> {
    static final String TRADES = "captured-trades";
    static final String POSITIONS = "positions";
    static final String LOTS = "lots";
    /** Any ids do: they are as long as those of a registry. */
    private static final int BLOTTER_SCHEMA = 1;
    private static final int TRADE_SCHEMA = 2;
    private static final int POSITION_SCHEMA = 3;
    private static final int LOT_SCHEMA = 4;
    private static final int ACCEPTED = 1;
    private static final int DUPLICATE = 2;
    private static final int LIVE = 2;
    private static final int FIFO = 1;
    private static final byte[] FALSE = {0};

    private final AtomicLong taken;
    private final Out out = new Out();
    private final Out reliefs = new Out();
    /** Lives as long as the task: after an abort there is a new processor, and what it has not seen it must read. */
    private final Map<ByteBuffer, Position> positions = new HashMap<>();
    private final Map<ByteBuffer, Integer> decimals = new HashMap<>();
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<Bytes, byte[]> trades;
    private KeyValueStore<Bytes, byte[]> positionStore;
    private KeyValueStore<Bytes, byte[]> lots;

    private static final class Lot {
        Bytes key;
        byte[] id;
        long opened;
        long remaining;
        Trade trade;
    }

    private static final class Position {
        long revision;
        long quantity;
        long realised;
        long cost;
        final ArrayDeque<Lot> open = new ArrayDeque<>();
    }

    Book(AtomicLong taken) {
        this.taken = taken;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        trades = context.getStateStore(TRADES);
        positionStore = context.getStateStore(POSITIONS);
        lots = context.getStateStore(LOTS);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        var trade = new Trade(record.key(), record.value());
        var metadata = context.recordMetadata().orElseThrow();
        int partition = metadata.partition();
        long offset = metadata.offset();
        Bytes tradeKey = within(record.key(), trade.id);
        var position = positions.computeIfAbsent(ByteBuffer.wrap(record.key()), this::stored);
        long before = position.revision;
        long realised = position.realised;
        int verdict = trades.get(tradeKey) == null ? ACCEPTED : DUPLICATE;
        if (verdict == ACCEPTED) {
            accept(record.key(), tradeKey, trade, position, partition, offset);
        }
        byte[] row = out.begin(BLOTTER_SCHEMA, partition, offset).text(record.key())
                .number(0).number(0) // turn and generation, which nobody tells a processor
                .place(partition, offset).text(trade.id).number(trade.version)
                .number(verdict).number(0).number(0).number(0).number(0).number(0)
                .number(before).number(position.revision).decimal(position.quantity)
                .number(1).number(position.realised - realised).text(trade.currency).end();
        context.forward(record.withValue(row));
        taken.incrementAndGet();
    }

    /** First in, first out: what closes takes the oldest lots, what is left opens one. */
    private void accept(byte[] key, Bytes tradeKey, Trade trade, Position position, int partition, long offset) {
        position.revision++;
        long left = trade.buy ? trade.quantity : -trade.quantity;
        position.quantity = Math.addExact(position.quantity, left);
        int closed = 0;
        reliefs.begin(0, 0, 0);
        int places = decimals.computeIfAbsent(ByteBuffer.wrap(trade.currency), Book::decimals);
        while (left != 0 && !position.open.isEmpty() && (position.open.peekFirst().remaining < 0) != (left < 0)) {
            Lot lot = position.open.peekFirst();
            long units = Math.min(Math.abs(lot.remaining), Math.abs(left));
            long part = lot.remaining < 0 ? -units : units;
            long gain = minor(part, trade.price - lot.trade.price, places);
            reliefs.text(lot.id).decimal(units).decimal(lot.trade.price).number(gain).text(trade.currency).number(0)
                    .number(FIFO).number(lot.trade.tradeDate).number(lot.trade.execTime).number(lot.trade.sourceSeq);
            closed++;
            position.realised = Math.addExact(position.realised, gain);
            position.cost -= minor(lot.remaining, lot.trade.price, places);
            lot.remaining -= part;
            left += part;
            if (lot.remaining == 0) {
                position.open.pollFirst();
                lots.delete(lot.key);
            } else {
                position.cost += minor(lot.remaining, lot.trade.price, places);
                put(key, lot, position.revision, partition, offset);
            }
        }
        if (left != 0) {
            var lot = new Lot();
            lot.key = tradeKey;
            lot.id = trade.id;
            lot.opened = left;
            lot.remaining = left;
            lot.trade = trade;
            position.open.addLast(lot);
            position.cost += minor(left, trade.price, places);
            put(key, lot, position.revision, partition, offset);
        }
        byte[] told = reliefs.end();
        out.begin(TRADE_SCHEMA, partition, offset).text(key).text(trade.id).number(trade.version).number(LIVE)
                .number(1).raw(trade.record, trade.termsFrom, trade.termsTo).number(0)
                .raw(CONTENT, 0, CONTENT.length) // a hash of the content, which the peer is spared
                .place(partition, offset).number(position.revision).number(0).decimal(left);
        if (closed > 0) {
            out.number(closed).raw(told, EMPTY_LENGTH, told.length);
        }
        trades.put(tradeKey, out.number(0).number(0).number(0).end());
        byte[] state = out.begin(POSITION_SCHEMA, partition, offset).text(key).number(position.revision)
                .decimal(position.quantity).text(trade.currency).number(position.realised).number(position.cost)
                .number(position.open.size()).raw(FALSE, 0, 1).number(0).end();
        positionStore.put(Bytes.wrap(key), state);
    }

    private void put(byte[] key, Lot lot, long revision, int partition, long offset) {
        Trade trade = lot.trade;
        byte[] state = out.begin(LOT_SCHEMA, partition, offset).text(key).text(lot.id)
                .raw(trade.record, trade.contractFrom, trade.contractTo).decimal(lot.opened).decimal(lot.remaining)
                .decimal(trade.price).text(trade.currency).number(trade.tradeDate)
                .raw(trade.record, trade.settleFrom, trade.settleTo).number(trade.execTime).number(trade.sourceSeq)
                .number(revision).number(0).end();
        lots.put(lot.key, state);
    }

    /** A comparison begins with empty stores; a position that is there would have to be read back. */
    private Position stored(ByteBuffer key) {
        if (positionStore.get(Bytes.wrap(key.array())) != null) {
            throw new IllegalStateException("the peer is measured from empty stores: use topics of its own");
        }
        return new Position();
    }

    private static Bytes within(byte[] key, byte[] id) {
        byte[] both = Arrays.copyOf(key, key.length + 1 + id.length);
        both[key.length] = '_';
        System.arraycopy(id, 0, both, key.length + 1, id.length);
        return Bytes.wrap(both);
    }

    private static int decimals(ByteBuffer currency) {
        return Currency.getInstance(new String(currency.array(), StandardCharsets.US_ASCII)).getDefaultFractionDigits();
    }

    /** Quantity times price in minor units, a half away from zero. */
    private static long minor(long quantity, long price, int places) {
        if (quantity % QUANTITY_UNIT == 0 && price % PRICE_UNIT == 0) {
            long amount = Math.multiplyExact(quantity / QUANTITY_UNIT, price / PRICE_UNIT);
            long unit = POWERS[COMMON_DECIMALS - places];
            long half = amount < 0 ? -unit / 2 : unit / 2;
            return Math.addExact(amount, half) / unit;
        }
        var exact = new BigDecimal(BigInteger.valueOf(quantity).multiply(BigInteger.valueOf(price)), 20);
        return exact.setScale(places, RoundingMode.HALF_UP).unscaledValue().longValueExact();
    }

    /** Nearly all quantities have three decimals and nearly all prices four: their product fits 64 bits. */
    private static final long QUANTITY_UNIT = 10_000_000;
    private static final long PRICE_UNIT = 1_000_000;
    private static final int COMMON_DECIMALS = 7;
    private static final long[] POWERS = {1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000};
    private static final byte[] CONTENT = new byte[16];
    /** What `begin` has written. */
    private static final int EMPTY_LENGTH = 8;
}
