/** What contracts say of the lots under them: the highest version of each counts. */

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.kafka.clients.consumer.ConsumerRecord;

final class Contracts {
    private record Version(int number, Method.Policy policy) {}

    private final Map<String, Version> known = new HashMap<>();

    Contracts(List<ConsumerRecord<byte[], byte[]>> records, Schemas schemas) throws Exception {
        for (var record : records) {
            var fields = schemas.decode(record.value());
            String id = Schemas.text(fields.get("contract_id"));
            var version = new Version((int) fields.get("version"), policy(fields.get("terms")));
            known.merge(id, version, (before, now) -> before.number > now.number ? before : now);
        }
    }

    /** Of several contracts the one with the least name counts; oldest first where there is none, or it is not known. */
    Method.Policy policy(List<String> contracts) {
        return contracts.stream().min(Fold.ORDER_OF_IDS).map(known::get).map(Version::policy).orElse(Method.Policy.OLDEST_FIRST);
    }

    private static Method.Policy policy(Object terms) throws Exception {
        JsonNode relief = terms == null ? null : new ObjectMapper().readTree(Schemas.text(terms)).get("relief");
        if (relief == null) {
            return Method.Policy.OLDEST_FIRST;
        }
        if (relief.isTextual()) {
            return new Method.Policy(Method.valueOf(relief.asText()), List.of());
        }
        var changes = new ArrayList<Method.Change>();
        for (JsonNode change : relief) {
            int since = Math.toIntExact(LocalDate.parse(change.get("since").asText()).toEpochDay());
            changes.add(new Method.Change(since, Method.valueOf(change.get("method").asText())));
        }
        changes.sort(Comparator.comparingInt(Method.Change::since));
        return new Method.Policy(Method.FIFO, List.copyOf(changes));
    }
}
