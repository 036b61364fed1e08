# Takes no polite signal, and neither does what it starts.
trap '' TERM INT HUP QUIT
echo part >"$1/part"
while :; do sleep 1000; done
