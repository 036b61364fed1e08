# Complains without end.
echo part >"$1/part"
while :; do echo "a line of complaint that nobody asked for, again and again" >&2; done
