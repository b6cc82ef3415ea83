-- What a message is about, kept from now on so that history can be judged again: whom it mentions, what it quotes, what
-- was seen in it that may make it change nothing, and what kind of contact said it. Null: not known, or nothing.
alter table timeline
    add column contact_type text,
    add column nature       text,
    -- Person keys.
    add column mentions     jsonb,
    -- {id, who, text}; the text goes when the entry's own does.
    add column quote        jsonb;

-- How many messages a gap is about, where that is known: those that the gateway named and could not give.
alter table capture_gaps add column messages bigint;
