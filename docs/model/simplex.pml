/* Simplex with its guard: four validators of equal weight, one of whom lies, three views.
 *
 * Who lies may sign everything, so that a certificate needs the signatures of two honest nodes beside
 * its own; a leader may show each node another proposal (two a view); words arrive in any order, late
 * or never, and to each node alone. So what the honest have signed is all the state there is, and an
 * honest node may do at any time whatever its guard (G1 to G3) lets it do in a view that somebody can
 * have entered. Timers are not here: safety depends on none.
 *
 * A proposal at view v stands on a certified one of an earlier view u, or on the floor, and all views
 * between have nullifications (A2). Its parent is settled when the first honest node notarizes it.
 *
 * Asserted after each step: two finalizations are of ancestor and descendant; none is beside a
 * nullification; a view has one notarization at most.
 *
 * The honest are alike, and so are the two proposals of a view: nodes are kept sorted by what they
 * have said, and the second proposal comes after the first.
 *
 * -DNO_G1, -DNO_G2, -DNO_G3, -DNO_A2 leave the rule out: then an assertion must fail, or this model
 * proves nothing. Run: ./run model.
 */
#ifndef VIEWS
#define VIEWS 3
#endif
#define NEED 2 /* honest signatures that make a quorum with the liar's */

/* What each honest node has said, five bits a view: notarized 0, 1, nullified, finalized 0, 1. */
short said[3];
/* Of the two proposals of each view: 0 not notarized by anybody, 1 on the floor, else the parent's
 * place in this array plus 2. */
byte parent[2 * VIEWS];

hidden byte node, view, which, at, below;
hidden short kept;

#define NOTED(k) (k)
#define NULLED 2
#define FINAL(k) (3 + (k))
#define HAS(h, v, b) ((said[h] >> (5 * (v) + (b))) & 1)
#define COUNT(v, b) (HAS(0, v, b) + HAS(1, v, b) + HAS(2, v, b))
#define CERTIFIED(v, b) (COUNT(v, b) >= NEED)
#define OVER(v) (CERTIFIED(v, 0) || CERTIFIED(v, 1) || CERTIFIED(v, NULLED))
#define SAY(h, v, b) said[h] = said[h] | (1 << (5 * (v) + (b)))

#ifdef NO_G1
#define G1 (!HAS(node, view, NULLED))
#else
#define G1 \
  (!HAS(node, view, NOTED(1 - which)) && !HAS(node, view, NULLED) && \
   !HAS(node, view, FINAL(1 - which)))
#endif
#ifdef NO_G2
#define G2 (1)
#else
#define G2 (!HAS(node, view, FINAL(0)) && !HAS(node, view, FINAL(1)))
#endif
#ifdef NO_G3
#define G3 (HAS(node, view, NOTED(which)))
#else
#define G3 (HAS(node, view, NOTED(which)) && !HAS(node, view, NULLED))
#endif

/* All views after u - 1 and before v have nullifications; u is 0 for the floor, a view + 1 else. */
#ifdef NO_A2
#define SKIPPED(u, v) (1)
#else
#define SKIPPED(u, v) \
  (((u) > 0 || (v) < 1 || CERTIFIED(0, NULLED)) && ((u) > 1 || (v) < 2 || CERTIFIED(1, NULLED)) && \
   ((u) > 2 || (v) < 3 || CERTIFIED(2, NULLED)))
#endif

/* Whether place a is place b or stands on it; three views make two steps at most. */
#define UP(a) (parent[a] - 2)
#define STANDS_ON(a, b) \
  ((a) == (b) || (parent[a] >= 2 && (UP(a) == (b) || (parent[UP(a)] >= 2 && UP(UP(a)) == (b)))))

inline check() {
  at = 0;
  do
  :: at < 2 * VIEWS ->
     if
     :: CERTIFIED(at / 2, FINAL(at % 2)) ->
        assert(!CERTIFIED(at / 2, NULLED));
        below = 0;
        do
        :: below < at ->
           assert(!CERTIFIED(below / 2, FINAL(below % 2)) || STANDS_ON(at, below));
           below++
        :: else -> break
        od
     :: else
     fi;
     assert(!(CERTIFIED(at / 2, 0) && CERTIFIED(at / 2, 1)));
     at++
  :: else -> break
  od
}

inline swap(a, b) {
  if
  :: said[a] > said[b] -> kept = said[a]; said[a] = said[b]; said[b] = kept
  :: else
  fi
}

active proctype world() {
  do
  :: atomic {
       if :: node = 0 :: node = 1 :: node = 2 fi;
       view = 0;
       do
       :: view < VIEWS - 1 && OVER(view) -> view++
       :: break
       od;
       if :: which = 0 :: which = 1 fi;
       if
       :: parent[2 * view + which] != 0 && G1 && !HAS(node, view, NOTED(which)) ->
          SAY(node, view, NOTED(which))
       :: parent[2 * view + which] == 0 && G1 && (which == 0 || parent[2 * view] != 0) ->
          if
          :: SKIPPED(0, view) -> parent[2 * view + which] = 1
          :: view > 0 && CERTIFIED(0, 0) && SKIPPED(1, view) -> parent[2 * view + which] = 2
          :: view > 0 && CERTIFIED(0, 1) && SKIPPED(1, view) -> parent[2 * view + which] = 3
          :: view > 1 && CERTIFIED(1, 0) && SKIPPED(2, view) -> parent[2 * view + which] = 4
          :: view > 1 && CERTIFIED(1, 1) && SKIPPED(2, view) -> parent[2 * view + which] = 5
          :: else -> goto next
          fi;
          SAY(node, view, NOTED(which))
       :: which == 0 && G2 && !HAS(node, view, NULLED) -> SAY(node, view, NULLED)
       :: CERTIFIED(view, NOTED(which)) && G3 && !HAS(node, view, FINAL(which)) ->
          SAY(node, view, FINAL(which))
       :: else -> goto next
       fi;
       swap(0, 1);
       swap(1, 2);
       swap(0, 1);
       check();
next:  skip
     }
  od
}
