/** What contracts say of the lots under them: the highest version of each counts. */

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.kafka.clients.consumer.ConsumerRecord;

final class Contracts {
    /** No policy: the contract is withdrawn. */
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

    /** What all of them say that are known; oldest first where none is, and where they say different things. */
    Method.Policy policy(List<String> contracts) {
        var said = contracts.stream().map(known::get).filter(Objects::nonNull).map(Version::policy).filter(Objects::nonNull).distinct().toList();
        return said.size() == 1 ? said.get(0) : Method.Policy.OLDEST_FIRST;
    }

    private static Method.Policy policy(Object terms) throws Exception {
        if (terms == null) {
            return null;
        }
        JsonNode relief = new ObjectMapper().readTree(Schemas.text(terms)).get("relief");
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
