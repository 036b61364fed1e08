# Ends well, and leaves a process behind.
echo all >"$1/all"
: >"$1/DONE"
sleep 1000 >/dev/null 2>&1 &
