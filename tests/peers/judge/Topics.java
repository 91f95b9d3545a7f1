/** Topics read whole with the Java client, committed records only. */

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

final class Topics {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final String prefix;

    Topics(String bootstrap, String prefix) {
        var settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("isolation.level", "read_committed");
        settings.put("check.crcs", "true");
        settings.put("enable.auto.commit", "false");
        consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        this.prefix = prefix;
    }

    int partitions(String topic) {
        return consumer.partitionsFor(prefix + topic).size();
    }

    /** In the order of each partition; partitions come as they like. */
    List<ConsumerRecord<byte[], byte[]>> all(String topic) {
        var partitions = consumer.partitionsFor(prefix + topic).stream()
                .map(info -> new TopicPartition(info.topic(), info.partition())).toList();
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        var ends = consumer.endOffsets(partitions);
        var records = new ArrayList<ConsumerRecord<byte[], byte[]>>();
        long alive = System.nanoTime();
        while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
            int before = records.size();
            consumer.poll(Duration.ofMillis(200)).forEach(records::add);
            if (records.size() > before) {
                alive = System.nanoTime();
            } else if (System.nanoTime() - alive > PATIENCE.toNanos()) {
                throw new IllegalStateException(topic + " gives nothing any more before its end: is the broker up?");
            }
        }
        return records;
    }

    /** The last value of each key, without those that were deleted. */
    Map<String, byte[]> latest(String topic) {
        var latest = new HashMap<String, byte[]>();
        for (var record : all(topic)) {
            String key = new String(record.key(), StandardCharsets.UTF_8);
            if (record.value() == null) {
                latest.remove(key);
            } else {
                latest.put(key, record.value());
            }
        }
        return latest;
    }
}
