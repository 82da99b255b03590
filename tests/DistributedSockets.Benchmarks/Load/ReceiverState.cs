namespace DistributedSockets.Benchmarks.Load;

/// <summary>Which numbers of a flow one receiver has got: all below the next, and some ahead of it.</summary>
internal struct ReceiverState
{
    private uint _next;
    private ulong _ahead; // bit n: number next + 1 + n has come

    /// <summary>Takes a number; false if it came before.</summary>
    public bool TryTake(uint number, DeliveryFaults faults)
    {
        var distance = (long)number - _next;
        if (distance < 0)
        {
            return false;
        }

        if (distance == 0)
        {
            _next++;
            while (_ahead != 0)
            {
                var came = (_ahead & 1) != 0;
                _ahead >>= 1;
                if (!came)
                {
                    break;
                }

                _next++;
            }

            return true;
        }

        faults.Reordered++;
        if (distance > 64)
        {
            // So far ahead that the ones between are taken as lost; they stay missing, or count as duplicates when they come.
            _next = number + 1;
            _ahead = 0;
            return true;
        }

        var bit = 1UL << (int)(distance - 1);
        if ((_ahead & bit) != 0)
        {
            return false;
        }

        _ahead |= bit;
        return true;
    }
}
