# What `bench --json` says -> its row in the tables of docs/figures.md.

def digits($count): . * pow(10; $count) | round / pow(10; $count);
# 161198 -> 161,198
def grouped: round | tostring | [while(length > 0; .[:-3]) | .[-3:]] | reverse | join(",");
def rate: "\(grouped)/s";
def milliseconds: digits(if . < 10 then 1 else 0 end);
def quantiles: "\(.p50_ms | milliseconds), \(.p99_ms | milliseconds) and \(.p999_ms | milliseconds) ms";
def most_of_it: "\(.p50_ms | milliseconds) and \(.p99_ms | milliseconds)";
# A scenario's aim is for the size that it is named after.
def aim: if .scenario == "batch-160k" and .conditions.contracts != 160000 then "" else "\(.aim_seconds) s" end;
def row: "| " + join(" | ") + " |";

.conditions as $of
| if .scenario == "capture" then
    (.rounds | map(.rate)) as $rates
    | ["`bench capture`",
       "\($of.trades | grouped) trades, \($of.partitions) partitions, \($of.threads) thread(s), turns of \($of.turn_ms) ms, median of \($of.rounds) round(s) (\($rates | min | rate) to \($rates | max | rate))",
       (.rate | rate), "\(.cpu_us_per_record | digits(1)) µs a record", (.limit_rate | rate), "\(.ratio | digits(2)) (0.9)"]
    | row
  elif .scenario == "hot-key" then
    (["`bench hot-key`", "\($of.trades | grouped) trades of one key", "\(.rate | rate) (\(.aim_rate | grouped))", "", "", ""] | row),
    (["`bench hot-key`: other keys' p50 and p99, alone, beside \($of.flood_per_second | rate) of one key, and beside as many of all keys",
      "\([.others_alone, .others_beside, .others_beside_spread | most_of_it] | join(", ")) ms; the copying loop \([.limit_alone, .limit_beside, .limit_beside_spread | most_of_it] | join(", "))", "unmoved"] | row)
  elif .scenario == "recovery" then
    ["`bench recovery`: `kill -9` with \($of.lots | grouped) lots, no local copy, to the first answer of a partition that moved, and of all",
     "\(.first_seconds | digits(1)) and \(.all_seconds | digits(1)) s",
     "\(.bound_seconds + .aim_beyond_bound_seconds) s: session \($of.session_timeout_seconds), coordinator \($of.coordinator_cleanup_seconds), and \(.aim_beyond_bound_seconds)"]
    | row
  elif .scenario == "restore" then
    ["`bench restore`: \($of.lots | grouped) lots (\(.records | grouped) records) without a local copy, joining the group included",
     "\(.seconds | digits(1)) s, \(.rate | rate), \(.ratio | digits(2)) of a bare consumer", "\(.aim_ratio)"]
    | row
  elif .scenario == "scale" then
    ["`bench scale`: CPU a trade of \(.rounds | map(.workers) | join(", ")) workers at \(.rounds | map(.rate) | "\(min | grouped) to \(max | rate)")",
     "\(.rounds | map(.cpu_us_per_record | digits(1)) | join(", ")) µs: \(.rounds[1:] | map(.cost_ratio | digits(2)) | join(" and ")) times; as many copying loops \(.rounds | map(.limit_cpu_us_per_record | digits(1)) | join(", ")): \(.rounds[1:] | map(.limit_cost_ratio | digits(2)) | join(" and "))", "\(.aim_cost_ratio)"]
    | row
  elif .scenario == "latency" then
    .aim_ratio as $aim
    | .rounds[]
    | ["`bench latency`: produce to visible, p50, p99 and p99.9 at \(.per_second | rate)",
       "\(.ours | quantiles); the copying loop \(.limit | quantiles): \(.ratio_p50 | digits(2)) and \(.ratio_p99 | digits(2)) of it", "\($aim) times"]
    | row
  elif .scenario == "jobs-latency" then
    ["`bench jobs-latency`: one lot, median and 99th percentile of \(.alone.count) requests alone and of \(.beside.count) beside jobs of \($of.contracts | grouped) contracts, which took \(.large_seconds | "\(min | digits(1)) to \(max | digits(1))") s",
     "\([.alone, .beside | most_of_it] | join(", ")) ms: \(.moved_p99_ms | milliseconds) more", "\(.aim_moved_p99_ms) ms more", "", "", ""]
    | row
  else
    ["`bench \(.scenario)`: \($of.contracts | grouped) contracts (\($of.request_bytes / 1e6 | round) MB), \(.rounds | length) round(s)",
     (.rounds | if max < 1 then "\(map(1000 * . | round) | join(", ")) ms" else "\(map(digits(2)) | join(", ")) s" end), aim, "\(.submit.cpu_seconds // 0 | digits(1)) s", "\([.worker_cpu_seconds[]] | add // 0 | digits(1)) s",
     "\([.submit.peak_rss_mb // empty, .peak_rss_mb] | join(" and ")) MB"]
    | row
  end
