# Its children's children take no polite signal, and some are in a session of their own.
echo part >"$1/part"
(sh -c 'trap "" TERM; sleep 1000 & sleep 1000' &)
(setsid sh -c 'trap "" TERM; sleep 1000 & sleep 1000' &)
sleep 1000
