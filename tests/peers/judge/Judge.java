/** Positions, lots and captured trades, worked out from the topics `trades` and `contracts` alone and compared with their topics byte by byte. */

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

final class Judge {
    /** What depends on where turns end, which the trades do not tell. */
    static final Object AS_FOUND = new Object();
    private final Schemas schemas;
    private final Contracts contracts;
    private final List<String> differences = new ArrayList<>();
    private final Map<String, Position> positions = new TreeMap<>();
    /** Positions of which trades do not tell all: corporate actions, lots that no trade opened. They are not judged. */
    private final Set<String> aside = new TreeSet<>();
    /** Second halves of rebooks: those that must have been sent and those that were. */
    private final List<String> owed = new ArrayList<>();
    private final List<String> sent = new ArrayList<>();

    private Judge(Schemas schemas, Contracts contracts) {
        this.schemas = schemas;
        this.contracts = contracts;
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 3) {
            System.err.println("usage: Judge BOOTSTRAP REGISTRY_URL TOPIC_PREFIX");
            System.exit(2);
        }
        var schemas = new Schemas(arguments[1]);
        var topics = new Topics(arguments[0], arguments[2]);
        var judge = new Judge(schemas, new Contracts(topics.all("contracts"), schemas));
        int records = judge.fold(topics);
        for (byte[] happened : topics.latest("captured-actions").values()) {
            judge.aside.add(Schemas.text(schemas.decode(happened).get("account_book_security")));
        }
        var expected = new TreeMap<String, Map<String, Object>>();
        for (String topic : List.of("positions", "lots", "captured-trades")) {
            expected.clear();
            judge.positions.values().forEach(position -> position.tell(topic, expected));
            var found = topics.latest(topic);
            expected.keySet().removeIf(judge::setAside);
            found.keySet().removeIf(judge::setAside);
            judge.compare(topic, expected, found);
            System.out.printf("%s: %d records%n", topic, expected.size());
        }
        judge.compareRebooks();
        judge.differences.forEach(System.out::println);
        System.out.printf("%d trade records, %d rebooks, %d positions set aside, of which trades do not tell all, %d differences%n",
                records, judge.owed.size(), judge.aside.size(), judge.differences.size());
        System.exit(judge.differences.isEmpty() ? 0 : 1);
    }

    /** Takes every trade record in the order of its partition; what cannot be a trade has no effect. */
    private int fold(Topics topics) throws Exception {
        var records = topics.all("trades");
        int partitions = topics.partitions("trades");
        for (var record : records) {
            Optional<Trade> read = Trade.read(record, schemas, partitions);
            if (read.isEmpty()) {
                continue;
            }
            Trade trade = read.get();
            var place = new Place(Place.TRADES, record.partition(), record.offset());
            if (trade.event() == Trade.Event.REBOOK_IN) {
                sent.add(trade.cause() + " -> " + trade.without(trade.cause()));
            }
            var position = positions.computeIfAbsent(trade.key(), key -> new Position(key, contracts));
            for (Trade half : position.take(trade, place)) {
                owed.add(place + " -> " + half);
            }
        }
        return records.size();
    }

    private void compare(String topic, Map<String, Map<String, Object>> expected, Map<String, byte[]> found) throws Exception {
        for (var entry : expected.entrySet()) {
            byte[] bytes = found.remove(entry.getKey());
            if (bytes == null) {
                differences.add("%s %s: no record, expected %s".formatted(topic, entry.getKey(), entry.getValue()));
                continue;
            }
            // In the schema that the record names: it may be younger than the judge as long as new fields have defaults.
            var fields = schemas.decode(bytes);
            entry.getValue().replaceAll((field, value) -> value == AS_FOUND ? fields.get(field) : value);
            byte[] same = schemas.encode(Schemas.idOf(bytes), entry.getValue());
            if (!Arrays.equals(same, bytes)) {
                differences.add("%s %s: found %s, expected %s".formatted(topic, entry.getKey(), shown(bytes), shown(same)));
            }
        }
        found.keySet().forEach(key -> differences.add("%s %s: a record that no trade accounts for".formatted(topic, key)));
    }

    /** A key begins with the three parts of its position; none of them has an underscore. */
    private boolean setAside(String key) {
        String[] parts = key.split("_", 4);
        return parts.length >= 3 && aside.contains(parts[0] + "_" + parts[1] + "_" + parts[2]);
    }

    private void compareRebooks() {
        var extra = new ArrayList<>(sent);
        for (String half : owed) {
            if (!extra.remove(half)) {
                differences.add("trades: the second half of a rebook was never sent: " + half);
            }
        }
        extra.forEach(half -> differences.add("trades: the second half of no rebook: " + half));
    }

    private String shown(byte[] bytes) {
        try {
            return schemas.decode(bytes).toString();
        } catch (Schemas.Unreadable unreadable) {
            return HexFormat.of().formatHex(bytes);
        }
    }
}
