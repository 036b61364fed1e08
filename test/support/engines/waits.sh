# Writes a part of its output and then waits.
echo part >"$1/part"
sleep 1000
