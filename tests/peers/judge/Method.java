/** Which open lot a close takes first, since when that is agreed, and what a trade orders for its own close. */

import java.math.BigDecimal;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** In the order of the content hash's numbers. */
enum Method {
    FIFO, LIFO, HIFO, LOFO, AVERAGE, MAX_LOSS, MIN_GAIN, MAX_GAIN;

    private static final Comparator<Fold.Open> CHEAPEST = Comparator.comparing(open -> open.cost.perUnit());

    /** Open lots stand in business order, and of equals the first one is taken. */
    Fold.Open first(List<Fold.Open> open, boolean isLong) {
        return switch (this) {
            case FIFO, AVERAGE -> open.get(0);
            case LIFO -> open.get(open.size() - 1);
            case HIFO -> Collections.min(open, CHEAPEST.reversed());
            case LOFO -> Collections.min(open, CHEAPEST);
            case MAX_LOSS, MIN_GAIN -> (isLong ? HIFO : LOFO).first(open, isLong);
            case MAX_GAIN -> (isLong ? LOFO : HIFO).first(open, isLong);
        };
    }

    record Change(int since, Method method) {}

    /** `changes` stand in the order of their days; of one day the later counts. */
    record Policy(Method first, List<Change> changes) {
        /** What is agreed where nothing is said. */
        static final Policy OLDEST_FIRST = new Policy(FIFO, List.of());

        Method on(int tradeDate) {
            Method method = first;
            for (Change change : changes) {
                method = change.since <= tradeDate ? change.method : method;
            }
            return method;
        }

        /** Null for oldest first. */
        Map<String, Object> told() {
            return equals(OLDEST_FIRST) ? null : Map.of("first", first, "changes", changes.stream()
                    .map(change -> Map.of("since", change.since, "method", change.method)).toList());
        }
    }

    record Listed(String lot, BigDecimal quantity) {}

    /** A method, or without one the lots. */
    record Order(Method method, List<Listed> lots) {
        Map<String, Object> told() {
            var told = new HashMap<String, Object>();
            told.put("method", method);
            told.put("lots", lots.stream().map(one -> Map.of("lot", one.lot, "quantity", one.quantity)).toList());
            return told;
        }
    }
}
