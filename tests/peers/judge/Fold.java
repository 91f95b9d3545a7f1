/** The live trades of a position in business order -> its open lots and what each trade closed. */

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

final class Fold {
    /** Which open lot is closed first, and the method's name on the wire. */
    record Method(String name, Comparator<Open> order) {
        /** Open lots stand in business order, and of equals the first one is taken. */
        static final Method FIFO = new Method("FIFO", (one, other) -> 0);

        Open first(List<Open> open) {
            return Collections.min(open, order);
        }
    }

    /** What a trade closed of a lot, and what made that lot the one to close. */
    record Relief(
            String lot, BigDecimal quantity, BigDecimal openPrice, long realised, String currency,
            String chosen, int tradeDate, long execTime, long sourceSeq) {
        Map<String, Object> told() {
            return Map.of("lot", lot, "quantity", quantity, "open_price", openPrice,
                    "realised", Map.of("minor", realised, "currency", currency), "chosen", chosen,
                    "trade_date", tradeDate, "exec_time", execTime, "source_seq", sourceSeq);
        }
    }

    record Effect(BigDecimal opened, List<Relief> reliefs) {
        static final Effect NONE = new Effect(BigDecimal.ZERO.setScale(Terms.SCALE), List.of());
    }

    /** A lot on its way through the fold. */
    static final class Open {
        final String id;
        final Terms terms;
        final BigDecimal opened;
        BigDecimal remaining;

        Open(String id, Terms terms, BigDecimal opened) {
            this.id = id;
            this.terms = terms;
            this.opened = opened;
            this.remaining = opened;
        }
    }

    record Lot(String id, Terms terms, BigDecimal opened, BigDecimal remaining) {}

    final Map<String, Lot> lots = new LinkedHashMap<>();
    final Map<String, Effect> effects = new HashMap<>();
    BigDecimal quantity = BigDecimal.ZERO.setScale(Terms.SCALE);
    long realised;
    long cost;

    Fold(Map<String, Terms> live, Method method) {
        var open = new ArrayList<Open>();
        live.entrySet().stream().sorted(BUSINESS_ORDER).forEach(trade -> deal(trade.getKey(), trade.getValue(), open, method));
        for (Open lot : open) {
            lots.put(lot.id, new Lot(lot.id, lot.terms, lot.opened, lot.remaining));
            cost = Math.addExact(cost, lot.terms.minor(lot.remaining, lot.terms.price()));
        }
    }

    private void deal(String id, Terms terms, List<Open> open, Method method) {
        var reliefs = new ArrayList<Relief>();
        BigDecimal left = terms.signed();
        while (left.signum() != 0 && !open.isEmpty() && open.get(0).remaining.signum() != left.signum()) {
            Open lot = method.first(open);
            BigDecimal closed = left.abs().min(lot.remaining.abs());
            BigDecimal taken = lot.remaining.signum() < 0 ? closed.negate() : closed;
            long gain = terms.minor(taken, terms.price().subtract(lot.terms.price()));
            reliefs.add(new Relief(lot.id, closed, lot.terms.price(), gain, terms.currency(),
                    method.name(), lot.terms.tradeDate(), lot.terms.execTime(), lot.terms.sourceSeq()));
            realised = Math.addExact(realised, gain);
            lot.remaining = lot.remaining.subtract(taken);
            left = left.add(taken);
            if (lot.remaining.signum() == 0) {
                open.remove(lot);
            }
        }
        if (left.signum() != 0) {
            open.add(new Open(id, terms, left));
        }
        quantity = quantity.add(terms.signed());
        effects.put(id, new Effect(left, List.copyOf(reliefs)));
    }

    private static final Comparator<Map.Entry<String, Terms>> BUSINESS_ORDER =
            Comparator.<Map.Entry<String, Terms>>comparingInt(trade -> trade.getValue().tradeDate())
                    .thenComparingLong(trade -> trade.getValue().execTime())
                    .thenComparingLong(trade -> trade.getValue().sourceSeq())
                    .thenComparing(Map.Entry::getKey, (one, other) -> Arrays.compareUnsigned(
                            one.getBytes(StandardCharsets.UTF_8), other.getBytes(StandardCharsets.UTF_8)));
}
