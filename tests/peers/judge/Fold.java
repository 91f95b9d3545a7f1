/** The live trades of a position in business order -> its open lots and what each trade closed. */

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

final class Fold {
    /** As texts are compared that are bytes. */
    static final Comparator<String> ORDER_OF_IDS = (one, other) -> Arrays.compareUnsigned(
            one.getBytes(StandardCharsets.UTF_8), other.getBytes(StandardCharsets.UTF_8));

    /** What a trade closed of a lot, and what made that lot the one to close. */
    record Relief(
            String lot, BigDecimal quantity, BigDecimal openPrice, long realised, String currency,
            String chosen, int tradeDate, long execTime, long sourceSeq) {
        Map<String, Object> told() {
            BigDecimal price = Cost.price(openPrice).published();
            var told = new HashMap<String, Object>(Map.of("lot", lot, "quantity", quantity, "open_price", price,
                    "realised", Map.of("minor", realised, "currency", currency), "chosen", chosen,
                    "trade_date", tradeDate, "exec_time", execTime, "source_seq", sourceSeq));
            told.put("exact_open_price", price.compareTo(openPrice) == 0 ? null : Cost.text(openPrice));
            return told;
        }
    }

    /** A lot as it stood before a trade that its numbers cannot be worked back from, and what was left of it. */
    record Image(Lot lot, BigDecimal after) {
        Map<String, Object> told() {
            Map<String, Object> told = lot.told();
            told.put("after", after);
            return told;
        }
    }

    /** `pool` is null while each lot had its own cost. */
    record Before(Long pool, List<Image> lots) {
        Map<String, Object> told() {
            var told = new HashMap<String, Object>();
            told.put("pool_minor", pool);
            told.put("lots", lots.stream().map(Image::told).toList());
            return told;
        }
    }

    /** Why an order is not followed: `lot` of a lot that is listed wrongly, else what the list adds up to and what is closed. */
    record Refused(String problem, String lot, BigDecimal listed, BigDecimal closed) {
        Map<String, Object> told() {
            var told = new HashMap<String, Object>();
            told.put("problem", problem);
            told.put("lot", lot);
            told.put("listed", listed == null ? null : Cost.text(listed));
            told.put("closed", closed == null ? null : Cost.text(closed));
            return told;
        }
    }

    /** `before` and `refused` are null for most trades. */
    record Effect(BigDecimal opened, List<Relief> reliefs, Before before, Refused refused) {
        static final Effect NONE = new Effect(BigDecimal.ZERO.setScale(Terms.SCALE), List.of(), null, null);
    }

    /** A lot on its way through the fold. */
    static final class Open {
        final String id;
        final Terms terms;
        final BigDecimal opened;
        BigDecimal remaining;
        Cost cost;

        Open(String id, Terms terms, BigDecimal opened) {
            this.id = id;
            this.terms = terms;
            this.opened = opened;
            this.remaining = opened;
            this.cost = Cost.price(terms.price());
        }

        Lot lot() {
            return new Lot(id, terms.withoutOrder(), opened, remaining, cost);
        }
    }

    record Lot(String id, Terms terms, BigDecimal opened, BigDecimal remaining, Cost cost) {
        Map<String, Object> told() {
            Map<String, Object> told = terms.told();
            told.put("lot", id);
            told.put("opened", opened);
            told.put("remaining", remaining);
            told.put("price", cost.published());
            told.put("shared", cost.told());
            return told;
        }
    }

    final Map<String, Lot> lots = new LinkedHashMap<>();
    final Map<String, Effect> effects = new HashMap<>();
    BigDecimal quantity = BigDecimal.ZERO.setScale(Terms.SCALE);
    long realised;
    long cost;
    /** What all open lots cost together while they are closed at their average; else null. */
    Long pool;
    final Method.Policy policy;
    private final List<Open> open = new ArrayList<>();

    Fold(Map<String, Terms> live, Method.Policy policy) {
        this.policy = policy;
        live.entrySet().stream().sorted(BUSINESS_ORDER).forEach(trade -> deal(trade.getKey(), trade.getValue()));
        open.forEach(lot -> lots.put(lot.id, lot.lot()));
        cost = pool != null ? pool : ownCosts();
    }

    private void deal(String id, Terms terms) {
        var reliefs = new ArrayList<Relief>();
        var pictures = new TreeMap<String, Map.Entry<Lot, Open>>(ORDER_OF_IDS);
        Long before = pool;
        Refused refused = null;
        BigDecimal left = terms.signed();
        if (closes(left)) {
            Method method = policy.on(terms.tradeDate());
            List<Method.Listed> listed = List.of();
            Method.Order order = terms.order();
            if (order != null && order.method() != null) {
                method = order.method();
            } else if (order != null) {
                refused = problem(order.lots(), left.abs().min(quantity.abs()));
                if (refused == null) {
                    listed = order.lots();
                    method = Method.FIFO; // only its costing counts
                }
            }
            if (method == Method.AVERAGE) {
                pool = pool == null ? Long.valueOf(ownCosts()) : pool;
            } else {
                dissolve(pictures);
            }
            boolean isLong = quantity.signum() > 0;
            for (int turn = 0; closes(left); turn++) {
                boolean named = turn < listed.size();
                Open lot = named ? opened(listed.get(turn).lot()) : method.first(open, isLong);
                BigDecimal offered = named ? listed.get(turn).quantity() : lot.remaining.abs();
                Relief relief = relieve(lot, left.abs().min(offered), terms, named ? "SPECIFIC" : method.name(), pictures);
                reliefs.add(relief);
                left = isLong ? left.add(relief.quantity) : left.subtract(relief.quantity);
            }
        }
        if (left.signum() != 0) {
            pool = pool == null ? null : Long.valueOf(Math.addExact(pool, terms.minor(terms.price().multiply(left))));
            quantity = quantity.add(left);
            open.add(new Open(id, terms, left));
        }
        List<Image> images = pictures.values().stream().map(one -> new Image(one.getKey(), one.getValue().remaining)).toList();
        boolean needed = before != null || pool != null || !images.isEmpty();
        effects.put(id, new Effect(left, List.copyOf(reliefs), needed ? new Before(before, images) : null, refused));
    }

    /** Takes so many units of a lot. */
    private Relief relieve(Open lot, BigDecimal units, Terms terms, String chosen, Map<String, Map.Entry<Lot, Open>> pictures) {
        BigDecimal taken = quantity.signum() < 0 ? units.negate() : units;
        BigDecimal price = lot.cost.perUnit();
        BigDecimal paid = lot.cost.of(taken);
        if (pool != null) {
            price = Cost.quotient(terms.whole(pool), quantity);
            long share = share(pool, taken, quantity);
            paid = terms.whole(share);
            pool -= share;
        }
        if (lot.cost.isShared()) {
            picture(lot, pictures);
        }
        long gain = terms.minor(taken.multiply(terms.price()).subtract(paid));
        realised = Math.addExact(realised, gain);
        lot.remaining = lot.remaining.subtract(taken);
        quantity = quantity.subtract(taken);
        if (quantity.signum() == 0) {
            pool = null;
        }
        if (lot.remaining.signum() == 0) {
            open.remove(lot);
        }
        return new Relief(lot.id, units, price, gain, terms.currency(), chosen,
                lot.terms.tradeDate(), lot.terms.execTime(), lot.terms.sourceSeq());
    }

    /** Each open lot keeps its share of the pool, oldest first; the last one takes what is left. */
    private void dissolve(Map<String, Map.Entry<Lot, Open>> pictures) {
        if (pool == null) {
            return;
        }
        long rest = pool;
        BigDecimal units = quantity;
        pool = null;
        for (Open lot : open) {
            long share = share(rest, lot.remaining, units);
            rest -= share;
            units = units.subtract(lot.remaining);
            picture(lot, pictures);
            lot.cost = Cost.shared(lot.terms.whole(share).abs(), lot.remaining.abs());
        }
    }

    private static void picture(Open lot, Map<String, Map.Entry<Lot, Open>> pictures) {
        pictures.putIfAbsent(lot.id, Map.entry(lot.lot(), lot));
    }

    private boolean closes(BigDecimal left) {
        return left.signum() * quantity.signum() < 0;
    }

    /** Null when the listed lots are open and add up to what is closed. */
    private Refused problem(List<Method.Listed> listed, BigDecimal closed) {
        var seen = new HashSet<String>();
        BigDecimal sum = BigDecimal.ZERO;
        for (Method.Listed one : listed) {
            if (one.quantity().signum() <= 0 || !seen.add(one.lot())) {
                return new Refused("QUANTITY", one.lot(), null, null);
            }
            Open lot = opened(one.lot());
            if (lot == null || lot.remaining.abs().compareTo(one.quantity()) < 0) {
                return new Refused("NOT_OPEN", one.lot(), null, null);
            }
            sum = sum.add(one.quantity());
        }
        return sum.compareTo(closed) == 0 ? null : new Refused("SUM", null, sum, closed);
    }

    private Open opened(String id) {
        return open.stream().filter(lot -> lot.id.equals(id)).findFirst().orElse(null);
    }

    private long ownCosts() {
        return open.stream().mapToLong(lot -> lot.terms.minor(lot.cost.of(lot.remaining))).reduce(0, Math::addExact);
    }

    private static long share(long cost, BigDecimal units, BigDecimal all) {
        return Terms.rounded(Cost.part(BigDecimal.valueOf(cost), units, all), 0);
    }

    private static final Comparator<Map.Entry<String, Terms>> BUSINESS_ORDER =
            Comparator.<Map.Entry<String, Terms>>comparingInt(trade -> trade.getValue().tradeDate())
                    .thenComparingLong(trade -> trade.getValue().execTime())
                    .thenComparingLong(trade -> trade.getValue().sourceSeq())
                    .thenComparing(Map.Entry::getKey, ORDER_OF_IDS);
}
