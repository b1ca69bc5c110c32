#!/bin/sh
# Starts Slurm with this machine as its only node, for tests: munged, slurmctld and slurmd.
#
#   tests/slurm/start.sh FOLDER PORT   # all files go to FOLDER, PORT and the next have to be free; prints the
#                                      # SLURM_CONF to use
#   tests/slurm/start.sh --stop FOLDER # end the three daemons that were started so
#
# Needs root and the programs of Debian's packages slurm-wlm and munge; with MMSEG_INSTALL_SLURM=1 they are installed.
set -eu

stop() {
    for daemon in slurmd slurmctld munged; do
        file="$1/$daemon.pid" # which the daemon deletes when it ends
        [ -s "$file" ] || continue
        kill "$(cat "$file")" || true
        for _ in $(seq 100); do
            if [ -e "$file" ]; then sleep 0.1; fi
        done
    done
}

if [ "$1" = --stop ]; then
    stop "$2"
    exit 0
fi

folder=$(mkdir -p "$1" && cd "$1" && pwd)
if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
    if [ "${MMSEG_INSTALL_SLURM:-}" != 1 ]; then
        echo 'slurmctld or munged is absent; set MMSEG_INSTALL_SLURM=1 to install them' >&2
        exit 1
    fi
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge >&2
fi

# A munged of our own: one that runs already is not touched.
chmod 755 "$folder"
mkdir -p "$folder/munge" "$folder/state" "$folder/spool"
chmod 711 "$folder/munge"
dd if=/dev/urandom of="$folder/munge/key" bs=128 count=1 2>/dev/null
chmod 400 "$folder/munge/key"
munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"

node=$(hostname -s)
cat > "$folder/slurm.conf" <<CONF
ClusterName=tests
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
SlurmctldPort=$2
SlurmdPort=$(($2 + 1))
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobRequeue=1
KillWait=20
SchedulerParameters=batch_sched_delay=1,sched_interval=5
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=tests Nodes=$node Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
CONF
export SLURM_CONF="$folder/slurm.conf"
slurmctld
slurmd
for _ in $(seq 100); do
    if sinfo --noheader --format=%T 2>/dev/null | grep -q idle; then
        echo "$SLURM_CONF"
        exit 0
    fi
    sleep 0.3
done
echo 'Slurm did not start; the ends of its logs:' >&2
tail -n 20 "$folder"/slurmctld.log "$folder"/slurmd.log >&2
stop "$folder"
exit 1
