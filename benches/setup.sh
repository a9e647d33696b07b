# Sourced by the scripts here: a gateway with generated subscribers between `veilgate-sim load` and `sink`.
# Environment: VEILGATE_BENCH_DIR (kept between runs, default target/bench), SUBSCRIBERS (default 1000000), NO_BUILD, BIN (folder of
# the two programs), TLS=1 (mutual TLS north).

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
bin=${BIN:-$target/release}
dir=${VEILGATE_BENCH_DIR:-$target/bench}
subscribers=${SUBSCRIBERS:-1000000}
north=127.0.0.1:${NORTH_PORT:-27750}
south=127.0.0.1:${SOUTH_PORT:-27760}
tls_north=127.0.0.1:${TLS_PORT:-27755}
ops=127.0.0.1:${OPS_PORT:-27770}
edi_key=00112233445566778899aabbccddeeff

build() {
  (cd "$root" && cargo build --release --locked -p veilgate -p veilgate-simulators)
}

# The sink's, the gateway's and others' process ids, stopped at the end; others with what they started, also if they are halted.
gateway_pid= sink_pid=
others=()
finish() {
  local pid
  for pid in "${others[@]}"; do
    pkill -KILL -P "$pid" || true
    kill -KILL "$pid" 2>/dev/null || true
  done
  [ -n "$gateway_pid" ] && kill "$gateway_pid" 2>/dev/null && wait "$gateway_pid" 2>/dev/null
  [ -n "$sink_pid" ] && kill "$sink_pid" 2>/dev/null && wait "$sink_pid" 2>/dev/null
  return 0
}
trap finish EXIT

prepare() {
  mkdir -p "$dir"
  local feed=$dir/feed-$subscribers
  if [ ! -f "$feed/recipients.csv" ]; then
    "$bin/veilgate-sim" feed --subscribers "$subscribers" --seed 1 --out "$feed" --kid k1 --edi-key $edi_key
  fi
  rm -rf "$dir/data" "$dir"/*.log
  [ -z "${TLS:-}" ] || certificates
  printf '%s\n' $edi_key > "$dir/edi-k1.hex"
  local hash
  hash=$(echo benchpwd | "$bin/veilgate" hash-password)
  cat > "$dir/veilgate.toml" <<EOF
data_dir = "data"
[policy]
shipped_limits = false
[[edi_keys]]
kid = "k1"
key_file = "edi-k1.hex"
[north]
listen = "$north"
window_in = 4000
window_out = 4000
$(tls_table)
[[platforms]]
id = "notary-1"
proof = "optional"
[[enterprises]]
id = "ent-1"
[[accounts]]
system_id = "bench"
kind = "notary"
platform = "notary-1"
password_hash = "$hash"
max_binds = 64
rate_per_second = 1000000
max_pending_deliveries = 1000000
$(tenants "$hash")
[[service_numbers]]
number = "10690001"
enterprise = "ent-1"
inbound_anchored = true
[[channels]]
id = "sink"
address = "$south"
system_id = "veilgate"
password = "x"
id_format = "hex"
window = 2000
reconnect_min = "100ms"
binds = [{ mode = "transceiver", count = 2 }]
[journal]
segment_bytes = ${SEGMENT:-268435456}
[ops]
listen = "$ops"
[log]
file = "veilgate.log"
EOF
}

# After prepare: the gateway holds so many messages while the SMSC is away, and soon sees that it is back.
room_for() {
  printf '[flow]\nmax_live_messages = %d\ndefault_validity = "24h"\n' "$1" >> "$dir/veilgate.toml"
  sed -i 's/^reconnect_min = .*/reconnect_min = "100ms"\nreconnect_max = "500ms"/' "$dir/veilgate.toml"
}

# Two more accounts of platforms of their own, for benches/fair.
tenants() {
  local name
  for name in steady flood; do
    printf '[[platforms]]\nid = "%s"\nproof = "optional"\n' "platform-$name"
    printf '[[accounts]]\nsystem_id = "%s"\nkind = "notary"\nplatform = "platform-%s"\n' "$name" "$name"
    printf 'password_hash = "%s"\nmax_binds = 64\nrate_per_second = 1000000\nmax_pending_deliveries = 1000000\n' "$1"
  done
}

tls_table() {
  [ -z "${TLS:-}" ] || printf '[north.tls]\nlisten = "%s"\ncertificate = "server.pem"\nkey = "server.key"\nclient_ca = "ca.pem"\n' "$tls_north"
}

# An authority, and certificates of it for the gateway and the client.
certificates() {
  [ ! -f "$dir/client.pem" ] || return 0
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=bench-ca \
    -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
  local name
  for name in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
      -keyout "$dir/$name.key" -out "$dir/$name.csr" 2>/dev/null
    printf 'subjectAltName=DNS:localhost\n' > "$dir/$name.ext"
    openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 30 \
      -extfile "$dir/$name.ext" -out "$dir/$name.pem" 2>/dev/null
  done
}

ready() {
  for _ in $(seq 300); do
    curl -fs "http://$ops/readyz" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  echo "the gateway is not ready" >&2
  tail -3 "$dir/veilgate.log" >&2
  return 1
}

start_gateway() {
  "$bin/veilgate" --config "$dir/veilgate.toml" 2>>"$dir/stderr.log" &
  gateway_pid=$!
}

start_sink() {
  "$bin/veilgate-sim" sink --listen "$south" --receipts "${RECEIPTS:-always}" "$@" >"$dir/sink.out" 2>&1 &
  sink_pid=$!
  for _ in $(seq 100); do grep -q listening "$dir/sink.out" && return 0; sleep 0.05; done
  echo "the sink does not listen" >&2
  return 1
}

import_feed() {
  local feed=$dir/feed-$subscribers
  "$bin/veilgate" --config "$dir/veilgate.toml" identity import --bindings "$feed/bindings.csv" --tenures "$feed/tenures.csv"
}

# A gateway with two enterprises, each with a number and people of its own (half of all), between them and the sink.
two_tenants() {
  local feed=$dir/feed-$subscribers
  if [ ! -f "$feed/recipients.csv" ]; then
    mkdir -p "$dir"
    "$bin/veilgate-sim" feed --subscribers "$subscribers" --seed 1 --out "$feed" --kid k1 --edi-key $edi_key \
      --enterprise ent-1 --enterprise ent-2 --service-number 10690001 --service-number 10690002
  fi
  prepare
  printf '[[enterprises]]\nid = "ent-2"\n[[service_numbers]]\nnumber = "10690002"\nenterprise = "ent-2"\ninbound_anchored = true\n' >> "$dir/veilgate.toml"
  people ent-1 flood
  people ent-2 steady
  start_sink
  start_gateway
  ready
  import_feed
}

# The people of one enterprise, by the column that names it.
people() {
  awk -F, -v of="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "enterprise") column = i } NR == 1 || $column == of' \
    "$dir/feed-$subscribers/recipients.csv" > "$dir/$2.csv"
}

# Messages of one of the two: tenant flood|steady BINDS WINDOW ARGUMENTS...
tenant() {
  local name=$1 binds=$2 window=$3 number=10690001
  shift 3
  [ "$name" = flood ] || number=10690002
  local form=(--recipient-form edi)
  [[ " $* " != *" --known "* ]] || form=()
  "$bin/veilgate-sim" load --address "$north" --system-id "$name" --password benchpwd --source $number --receipts \
    --recipients "$dir/$name.csv" "${form[@]}" --binds "$binds" --window "$window" --quiet --drain 30 "$@"
}

# A quantile of a report's submit responses, in microseconds: quantile FILE p99_us
quantile() { sed -n "/^  \"response\": {/,/}/s/.*\"$2\": \([0-9]*\).*/\1/p" "$1"; }

# Kilobytes of the gateway's memory.
resident() { awk '/VmRSS/ { print $2 }' "/proc/$gateway_pid/status"; }

# A number of the gateway's: metric NAME
metric() { curl -fs "http://$ops/metrics" | awk -v name="veilgate_$1" '$1 == name { printf "%d", $2 }'; }

now() { date +%s%N; }

# How many a second, between two times of now: per_second COUNT BEGIN END
per_second() { awk -v n="$1" -v a="$2" -v b="$3" 'BEGIN { printf "%d", n / ((b - a) / 1e9) }'; }

# Stops the sink; what it got is in sink_got. Not for a subshell.
stop_sink() {
  kill "$sink_pid" 2>/dev/null && wait "$sink_pid" 2>/dev/null
  sink_pid=
  sink_got=$(tail -1 "$dir/sink.out")
}

# A number of the report's top level: figure FILE NAME
figure() {
  sed -n "s/^  \"$2\": \([0-9.]*\),\{0,1\}$/\1/p" "$1" | head -1
}

load() {
  local way=(--address "$north")
  if [ -n "${TLS:-}" ]; then
    way=(--address "$tls_north" --tls-ca "$dir/ca.pem" --tls-certificate "$dir/client.pem" --tls-key "$dir/client.key")
  fi
  "$bin/veilgate-sim" load "${way[@]}" --system-id bench --password benchpwd --source 10690001 --receipts \
    --recipients "$dir/feed-$subscribers/recipients.csv" ${gateway_pid:+--watch "gateway=$gateway_pid"} \
    ${sink_watched-${sink_pid:+--watch "sink=$sink_pid"}} "$@"
}
