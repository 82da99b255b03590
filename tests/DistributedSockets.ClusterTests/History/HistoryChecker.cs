namespace DistributedSockets.ClusterTests;

/// <summary>
/// Decides from what senders and receivers saw whether the library kept its promises: nothing twice, nothing out of order
/// per sender and target, nothing to a non-target, nothing missing but where the receiver's node reported possible loss. What is logged
/// reached everyone or nobody, in one order for all, and is missing only where the receiver's node reported a gap of the log. A session
/// that its client resumes has a number for each logged message, 1, 2, 3 …, neither ends nor has a gap unless the log has one, and misses nothing unless
/// its client was told of that.
/// </summary>
internal static class HistoryChecker
{
    /// <param name="history">The run.</param>
    /// <param name="transit">How long a message may be on its way: what is sent later than this before a connection ends, may end with it.</param>
    public static HistoryVerdict Check(History history, TimeSpan transit)
    {
        var (receivers, sends, deliveries, losses) = history.Snapshot();
        var verdict = new HistoryVerdict
        {
            Accepted = sends.Count(static send => send.Outcome == HistoryOutcome.Accepted),
            Refused = sends.Count(static send => send.Outcome == HistoryOutcome.Refused),
            Unknown = sends.Count(static send => send.Outcome == HistoryOutcome.Unknown),
            Delivered = deliveries.Length,
            Reports = losses.Length == 0 ? "none" : string.Join(' ', losses.CountBy(static loss => loss.Cause).Select(static cause => $"{cause.Value} {cause.Key}")),
        };
        var receiverById = receivers.ToDictionary(static receiver => receiver.ConnectionId, StringComparer.Ordinal);
        var sent = sends.ToDictionary(static send => (send.Sender, send.Target, send.Number));
        var got = CheckDeliveries(verdict, deliveries, receiverById, sent);
        CheckSessions(verdict, receivers, deliveries, isLogLost: losses.Any(static loss => loss.IsOfLog));
        var arrived = deliveries.Select(static delivery => (delivery.Sender, delivery.Target, delivery.Number)).ToHashSet();
        CheckMissing(verdict, receivers, sends, receiverById, losses.ToLookup(static loss => loss.NodeId, StringComparer.Ordinal), got, arrived, transit);
        if (HistoryOrder.FindCycle(deliveries.Where(delivery => sent.GetValueOrDefault((delivery.Sender, delivery.Target, delivery.Number))?.IsLogged == true)) is { Count: > 0 } cycle)
        {
            verdict.Violations.Add($"Receivers saw these in different orders: {string.Join(", ", cycle)}.");
        }

        return verdict;
    }

    /// <summary>Looks at what came, and gives the numbers that each receiver has of each sender and target.</summary>
    private static Dictionary<(string Receiver, string Sender, HistoryTarget Target), SortedSet<int>> CheckDeliveries(
        HistoryVerdict verdict,
        HistoryDelivery[] deliveries,
        Dictionary<string, HistoryReceiver> receivers,
        Dictionary<(string Sender, HistoryTarget Target, int Number), HistorySend> sent)
    {
        var got = new Dictionary<(string, string, HistoryTarget), SortedSet<int>>();
        foreach (var delivery in deliveries)
        {
            var what = $"{delivery.Receiver} got {delivery.Sender} {delivery.Target} #{delivery.Number}";
            if (!sent.TryGetValue((delivery.Sender, delivery.Target, delivery.Number), out var send))
            {
                verdict.Violations.Add($"{what}, which nobody sent.");
                continue;
            }

            if (send is { IsLogged: true, Outcome: HistoryOutcome.Refused })
            {
                verdict.Violations.Add($"{what}, of which its sender was told that nobody gets it.");
            }

            if (!receivers.TryGetValue(delivery.Receiver, out var receiver) || !delivery.Target.Includes(receiver, delivery.Sender))
            {
                verdict.Violations.Add($"{what}, which is not for it.");
            }

            var key = (delivery.Receiver, delivery.Sender, delivery.Target);
            var numbers = got.TryGetValue(key, out var known) ? known : got[key] = [];
            var last = numbers.Count == 0 ? -1 : numbers.Max;
            if (!numbers.Add(delivery.Number))
            {
                verdict.Violations.Add($"{what} twice.");
            }
            else if (delivery.Number < last && !(send.Outcome == HistoryOutcome.Unknown && receivers.GetValueOrDefault(delivery.Sender)?.Resumes == true))
            {
                // Unless its node stood still with it while its sender went on at another one.
                verdict.Violations.Add($"{what} after #{last}.");
            }
        }

        return got;
    }

    private static void CheckSessions(HistoryVerdict verdict, HistoryReceiver[] receivers, HistoryDelivery[] deliveries, bool isLogLost)
    {
        foreach (var receiver in receivers.Where(static receiver => receiver.Resumes && (receiver.IsLost || receiver.Gaps > 0)))
        {
            if (!isLogLost)
            {
                verdict.Violations.Add($"{receiver.ConnectionId} {(receiver.IsLost ? "was resumed in time and became another session" : $"was told of {receiver.Gaps} gaps")}, and no node reported a gap of the log.");
            }
        }

        foreach (var received in deliveries.Where(static delivery => delivery.InSession > 0).GroupBy(static delivery => delivery.Receiver))
        {
            var last = 0L;
            foreach (var delivery in received)
            {
                if (delivery.InSession != last + 1)
                {
                    verdict.Violations.Add($"{delivery.Receiver} got number {delivery.InSession} of its session after {last}.");
                }

                last = delivery.InSession;
            }
        }
    }

    private static void CheckMissing(
        HistoryVerdict verdict,
        HistoryReceiver[] receivers,
        HistorySend[] sends,
        Dictionary<string, HistoryReceiver> receiverById,
        ILookup<string, HistoryLoss> losses,
        Dictionary<(string Receiver, string Sender, HistoryTarget Target), SortedSet<int>> got,
        HashSet<(string Sender, HistoryTarget Target, int Number)> arrived,
        TimeSpan transit)
    {
        foreach (var send in sends)
        {
            // What is in the log is there for all, whatever its sender was told.
            var isExpected = send.IsLogged
                ? send.Outcome == HistoryOutcome.Accepted || (send.Outcome == HistoryOutcome.Unknown && arrived.Contains((send.Sender, send.Target, send.Number)))
                : send.Outcome != HistoryOutcome.Unknown;
            if (!isExpected)
            {
                continue;
            }

            // One without an answer may have been on its way until its sender's connection had ended.
            var ended = send.Ended != default ? send.Ended : receiverById[send.Sender].Ended ?? send.Began;

            foreach (var receiver in receivers)
            {
                if (!send.Target.Includes(receiver, send.Sender) || receiver.Ready > send.Began || (receiver.Resumes && !send.IsLogged)
                    || (send is { IsLogged: false, Outcome: HistoryOutcome.Refused } && (send.NodeId ?? receiverById[send.Sender].NodeId) != receiver.NodeId))
                {
                    continue;
                }

                var numbers = got.GetValueOrDefault((receiver.ConnectionId, send.Sender, send.Target));
                if (numbers?.Contains(send.Number) == true)
                {
                    continue;
                }

                var endedWithIt = receiver.Ended < ended + transit && !(numbers?.Max > send.Number);
                if (endedWithIt)
                {
                    continue;
                }

                var isTold = !receiver.Resumes || receiver.IsLost || receiver.Gaps > 0;
                if (isTold && (receiver.Resumes ? losses.SelectMany(static loss => loss) : losses[receiver.NodeId]).Any(loss => loss.IsOfLog == send.IsLogged && loss.From <= ended + transit && (loss.To >= send.Began || receiver.IsLost))) // a session that was lost with it misses all until its client comes back
                {
                    verdict.ReportedLost++;
                    continue;
                }

                verdict.Missing++;
                verdict.Violations.Add(
                    $"{receiver.ConnectionId} never got {send.Sender} {send.Target} #{send.Number}, {send.Outcome} at {ended:HH:mm:ss.fff}, and {(isTold ? "its node reported no loss then" : "its client was told of no gap")}.");
            }
        }
    }
}
