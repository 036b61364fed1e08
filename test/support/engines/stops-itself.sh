# Is stopped by somebody: a polite signal stays pending on it.
echo part >"$1/part"
kill -STOP $$
sleep 1000
