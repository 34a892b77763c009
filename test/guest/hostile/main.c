// SPDX-License-Identifier: BSD-2-Clause
/*
 * A guest that attacks its own virtio devices in each way in which drivers have attacked real VMMs.
 * Prints "hostile: NAME ok" or "hostile: NAME FAIL", and at the end "hostile: done". After each
 * attack the device must take an honest request again, after a reset.
 */
#include "test/guest/hostile/attack.h"

static const struct {
    const char *name;
    bool (*attack)(void);
} attacks[] = {
    {"queue-changed-after-driver-ok",  queue_changed_after_driver_ok },
    {"bad-selectors",                  bad_selectors                 },
    {"rings-outside-memory",           rings_outside_memory          },
    {"sizes-that-cannot-be",           sizes_that_cannot_be          },
    {"buffers-outside-memory",         buffers_outside_memory        },
    {"loop",                           loop                          },
    {"loop-of-empty-buffers",          loop_of_empty_buffers         },
    {"next-outside-the-table",         next_outside_the_table        },
    {"head-outside-the-table",         head_outside_the_table        },
    {"index-far-ahead",                index_far_ahead               },
    {"indirect-tables",                indirect_tables               },
    {"same-head-twice",                same_head_twice               },
    {"readable-after-writable",        readable_after_writable       },
    {"wrong-directions",               wrong_directions              },
    {"lengths",                        lengths                       },
    {"requests-that-cannot-be",        requests_that_cannot_be       },
    {"discards-of-nonsense",           discards_of_nonsense          },
    {"notify-storm",                   notify_storm                  },
    {"reset-during-requests",          reset_during_requests         },
    {"descriptor-rewritten-meanwhile", descriptor_rewritten_meanwhile},
    {"packed-rings",                   packed_rings                  },
    {"noise-to-others",                noise_to_others               },
    {"balloon-used-while-away",        balloon_used_while_away       },
    {"balloon-takes-its-own-ring",     balloon_takes_its_own_ring    },
    {"balloon-takes-anothers-ring",    balloon_takes_anothers_ring   },
    {"balloon-reports-what-it-uses",   balloon_reports_what_it_uses  },
    {"balloon-gets-nonsense",          balloon_gets_nonsense         },
};

void guest_main(void)
{
    say(device_find(VIRTIO_TYPE_BLOCK) ? "hostile: starts\n" : "hostile: no block device\n");
    for (unsigned i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        bool ok = attacks[i].attack();
        bool recovered = device_find(VIRTIO_TYPE_BLOCK) && honest();
        say("hostile: ");
        say(attacks[i].name);
        say(!ok          ? " FAIL: not as the specification says\n"
            : !recovered ? " FAIL: the device is not itself again after a reset\n"
                         : " ok\n");
    }
    say("hostile: done\n");
}
