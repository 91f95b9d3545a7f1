/** The peer of stage `book` on Kafka Streams, exactly once: trades in; answers, captured trades, positions and lots out. Measures itself. */

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.Stores;

final class Streams {
    /** Records that were taken; their transactions end within the commit interval. */
    private static final AtomicLong TAKEN = new AtomicLong();

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 8) {
            System.err.println("usage: Streams BOOTSTRAP TOPIC_PREFIX RECORDS WARM_UP memory|rocksdb CACHE_BYTES THREADS FOLDER");
            System.exit(2);
        }
        long records = Long.parseLong(arguments[2]);
        long warmUp = Long.parseLong(arguments[3]);
        boolean caching = !arguments[5].equals("0");
        var streams = new KafkaStreams(topology(arguments[1], arguments[4].equals("rocksdb"), caching), settings(arguments));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        streams.start();
        Moment first = reached(warmUp, streams);
        Moment last = reached(records, streams);
        long measured = last.records - first.records;
        System.out.printf(
                "{\"rate\": %d, \"cpu_us_per_record\": %.2f}%n",
                measured * 1_000_000_000L / (last.wall - first.wall), (last.cpu - first.cpu) / 1e3 / measured);
        streams.close();
    }

    private record Moment(long records, long wall, long cpu) {}

    private static Moment reached(long records, KafkaStreams streams) throws InterruptedException {
        var system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        while (TAKEN.get() < records) {
            if (streams.state().hasCompletedShutdown()) {
                throw new IllegalStateException("the stream ended after " + TAKEN.get() + " records");
            }
            Thread.sleep(2);
        }
        return new Moment(TAKEN.get(), System.nanoTime(), system.getProcessCpuTime());
    }

    private static Topology topology(String prefix, boolean rocksdb, boolean caching) {
        var topology = new Topology();
        var bytes = Serdes.ByteArray();
        topology.addSource("trades", bytes.deserializer(), bytes.deserializer(), prefix + "trades");
        topology.addProcessor("book", () -> new Book(TAKEN), "trades");
        for (String name : new String[] {Book.TRADES, Book.POSITIONS, Book.LOTS}) {
            KeyValueBytesStoreSupplier store = rocksdb ? Stores.persistentKeyValueStore(name) : Stores.inMemoryKeyValueStore(name);
            var builder = Stores.keyValueStoreBuilder(store, Serdes.Bytes(), bytes);
            topology.addStateStore(caching ? builder.withCachingEnabled() : builder.withCachingDisabled(), "book");
        }
        topology.addSink("blotter", prefix + "blotter", bytes.serializer(), bytes.serializer(), "book");
        return topology;
    }

    private static Properties settings(String[] arguments) {
        var settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("application.id", arguments[1] + Path.of(arguments[7]).getFileName());
        settings.put("processing.guarantee", "exactly_once_v2");
        settings.put("commit.interval.ms", "100");
        settings.put("statestore.cache.max.bytes", arguments[5]);
        settings.put("num.stream.threads", arguments[6]);
        settings.put("state.dir", arguments[7]);
        settings.put("consumer.auto.offset.reset", "earliest");
        // Larger than the defaults, which are made for many small applications.
        settings.put("consumer.max.poll.records", "5000");
        settings.put("buffered.records.per.partition", "5000");
        settings.put("producer.batch.size", "131072");
        settings.put("producer.linger.ms", "5");
        settings.put("producer.buffer.memory", "134217728");
        return settings;
    }
}
