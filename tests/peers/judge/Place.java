/** Where a record stands: topic by its number in bookflow's topology, partition and offset. */

import java.util.Map;

record Place(int topic, int partition, long offset) {
    static final int TRADES = 1;

    Map<String, Object> told() {
        return Map.of("topic", topic, "partition", partition, "offset", offset);
    }
}
