/** One account, book and security: takes its trade records one after another, and tells what its topics must hold. */

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

final class Position {
    private static final int HELD_MAX = 1_000;
    private final String key;
    private final Map<String, Known> trades = new TreeMap<>();
    private final Map<String, Stamp> lotStamps = new HashMap<>();
    private final Contracts contracts;
    private Fold fold = new Fold(Map.of(), Method.Policy.OLDEST_FIRST);
    /** Its contracts have not always said oldest first: it is worked out again at the end of a turn, and where turns end shows in what changed last. */
    private boolean ruled;
    /** Null while nothing has ever been live. */
    private String currency;
    private long revision;
    private Place cause;

    private enum Status { AWAITED, LIVE, CANCELLED, REBOOKED }

    private record Waiting(Trade trade, Place place) {}

    /** Which change touched a lot last. */
    private record Stamp(long revision, Place cause) {}

    private static final class Known {
        int version;
        Status status = Status.AWAITED;
        Trade trade;
        Place place;
        long revision;
        byte[] content = new byte[16];
        TreeMap<Integer, Waiting> held = new TreeMap<>();
        Fold.Effect effect = Fold.Effect.NONE;
        Place cause;

        Terms terms() {
            return status == Status.LIVE ? trade.terms() : null;
        }
    }

    Position(String key, Contracts contracts) {
        this.key = key;
        this.contracts = contracts;
    }

    /** Takes the next record; answers the second halves of rebooks that it sends to other positions. */
    List<Trade> take(Trade trade, Place place) {
        Known known = trades.get(trade.id());
        int current = known == null ? 0 : known.version;
        boolean waits = known != null && known.held.containsKey(trade.version());
        boolean forced = trade.event() == Trade.Event.FORCE;
        boolean from = trade.event() == Trade.Event.REBOOK_IN;
        if (waits && forced) {
            return follow(known.held.get(trade.version()), place);
        }
        if ((waits && !from) || trade.version() <= current || forced) {
            return List.of();
        }
        if (from || (trade.version() == current + 1 && (trade.version() > 1 || trade.event() == Trade.Event.NEW))) {
            return follow(new Waiting(trade, place), place);
        }
        if (trade.version() > 1 && (known == null || known.held.size() < HELD_MAX)) {
            hold(trade, place);
        }
        return List.of();
    }

    private void hold(Trade trade, Place place) {
        Known known = trades.computeIfAbsent(trade.id(), id -> new Known());
        known.place = known.place == null ? place : known.place;
        known.held.put(trade.version(), new Waiting(trade, place));
        known.cause = place;
    }

    /** A version takes effect, and with it those that waited for it; then everything is replayed. */
    private List<Trade> follow(Waiting first, Place place) {
        String id = first.trade.id();
        Known known = trades.getOrDefault(id, new Known());
        String before = currency;
        Status status = after(known.status, first.trade, before);
        if (status == null) {
            return List.of();
        }
        trades.put(id, known);
        known.held.remove(first.trade.version(), first);
        var sends = new ArrayList<Trade>();
        apply(known, first, status, sends);
        for (Waiting next : List.copyOf(known.held.values())) {
            int version = next.trade.version();
            if (version > known.version + 1) {
                break;
            }
            known.held.remove(version);
            Status then = version == known.version + 1 ? after(known.status, next.trade, before) : null;
            if (then != null) {
                apply(known, next, then, sends);
            }
        }
        if (known.terms() == null && before != null) {
            currency = before; // of several versions at once the last one counts
        }
        known.cause = place;
        cause = place;
        replay(place);
        return sends;
    }

    private void apply(Known known, Waiting next, Status status, List<Trade> sends) {
        Trade trade = next.trade;
        known.version = trade.version();
        known.status = status;
        known.trade = trade;
        known.place = next.place;
        known.content = trade.content();
        if (status == Status.LIVE) {
            currency = trade.terms().currency();
        }
        if (currency != null) {
            revision++;
        }
        known.revision = revision;
        if (status == Status.REBOOKED) {
            sends.add(new Trade(null, trade.other(), trade.id(), trade.version(), Trade.Event.REBOOK_IN, trade.terms(), key));
        }
    }

    /** What a trade of this status becomes; null when the version is refused. */
    private Status after(Status status, Trade trade, String positionCurrency) {
        Status after = switch (trade.event()) {
            case FORCE -> null;
            case REBOOK_IN -> status == Status.LIVE ? null : Status.LIVE;
            case NEW -> status == Status.LIVE || status == Status.REBOOKED ? null : Status.LIVE;
            case AMEND -> refuses(status) ? null : Status.LIVE;
            case CANCEL -> refuses(status) ? null : Status.CANCELLED;
            case REBOOK -> refuses(status) || trade.other().equals(key) ? null : Status.REBOOKED;
        };
        boolean other = after == Status.LIVE && positionCurrency != null && !trade.terms().currency().equals(positionCurrency);
        return other && trades.entrySet().stream().anyMatch(one -> !one.getKey().equals(trade.id()) && one.getValue().terms() != null)
                ? null : after;
    }

    private static boolean refuses(Status status) {
        return status == Status.CANCELLED || status == Status.REBOOKED;
    }

    /** From nothing, in business order; what came out otherwise than before is this record's doing. */
    private void replay(Place place) {
        var live = new HashMap<String, Terms>();
        trades.forEach((id, known) -> {
            if (known.terms() != null) {
                live.put(id, known.terms());
            }
        });
        var named = live.values().stream().map(Terms::contract).filter(Objects::nonNull).toList();
        var now = new Fold(live, contracts.policy(named));
        ruled |= !now.policy.equals(Method.Policy.OLDEST_FIRST);
        trades.forEach((id, known) -> {
            var effect = now.effects.getOrDefault(id, Fold.Effect.NONE);
            if (!effect.equals(known.effect)) {
                known.effect = effect;
                known.cause = place;
            }
        });
        lotStamps.keySet().retainAll(now.lots.keySet());
        now.lots.forEach((id, lot) -> {
            if (!lot.equals(fold.lots.get(id))) {
                lotStamps.put(id, new Stamp(revision, place));
            }
        });
        fold = now;
    }

    /** Adds what the last record of each of its keys must be in this topic. */
    void tell(String topic, Map<String, Map<String, Object>> expected) {
        switch (topic) {
            case "positions" -> {
                if (currency != null) {
                    expected.put(key, new HashMap<>(Map.of("cause", cause.told(), "account_book_security", key, "revision", revision,
                            "quantity", fold.quantity, "currency", currency, "realised_minor", fold.realised,
                            "cost_minor", fold.cost, "open_lots", fold.lots.size(), "pooled", fold.pool != null)));
                    expected.get(key).put("relief", fold.policy.told());
                }
            }
            case "lots" -> fold.lots.forEach((id, lot) -> expected.put(key + "_" + id, told(lot, lotStamps.get(id))));
            case "captured-trades" -> trades.forEach((id, known) -> expected.put(key + "_" + id, told(id, known)));
            default -> throw new IllegalArgumentException(topic);
        }
    }

    private Map<String, Object> told(Fold.Lot lot, Stamp stamp) {
        Map<String, Object> told = lot.told();
        told.put("cause", ruled ? Judge.AS_FOUND : stamp.cause.told());
        told.put("account_book_security", key);
        told.put("revision", ruled ? Judge.AS_FOUND : stamp.revision);
        return told;
    }

    private Map<String, Object> told(String id, Known known) {
        var told = new HashMap<String, Object>();
        told.put("cause", ruled ? Judge.AS_FOUND : known.cause.told());
        told.put("account_book_security", key);
        told.put("trade", id);
        told.put("version", known.version);
        told.put("status", known.status);
        told.put("terms", known.terms() == null ? null : known.terms().told());
        told.put("rebooked_to", known.status == Status.REBOOKED ? known.trade.other() : null);
        told.put("content", known.content);
        told.put("place", known.place.told());
        told.put("revision", known.revision);
        told.put("held", known.held.values().stream().map(Position::told).toList());
        told.put("opened", known.effect.opened());
        told.put("reliefs", known.effect.reliefs().stream().map(Fold.Relief::told).toList());
        told.put("before", known.effect.before() == null ? null : known.effect.before().told());
        told.put("refused", known.effect.refused() == null ? null : known.effect.refused().told());
        return told;
    }

    private static Map<String, Object> told(Waiting waiting) {
        var told = new HashMap<String, Object>();
        told.put("version", waiting.trade.version());
        told.put("event", waiting.trade.event());
        told.put("terms", waiting.trade.terms() == null ? null : waiting.trade.terms().told());
        told.put("rebook", waiting.trade.other());
        told.put("place", waiting.place.told());
        return told;
    }
}
