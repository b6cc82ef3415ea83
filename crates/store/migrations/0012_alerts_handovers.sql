-- Cards that tell whoever owns a room from now on.
alter table notifications drop constraint notifications_subject_kind_check;
alter table notifications add constraint notifications_subject_kind_check
    check (subject_kind in ('wait', 'departure', 'handover', 'unanswered', 'digest', 'follow_ups', 'opening', 'approvals',
                            'figures', 'alarm'));
